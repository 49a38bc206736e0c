"""What is registered otherwise of known streams takes effect while analytics runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from analytics.shards import Shard
from analytics.work import Work
from store.devices import upsert_devices
from telemetry.devices import Device
from tests.analytics import worlds
from tests.analytics.towns import Town, make_town, town
from tests.analytics.worlds import DEVICES, MINUTE, START, Commit

__all__ = ["make_town", "town"]  # fixtures

GAUGE, ROAD, AIR = range(3)
CHANGED, CRASH = 10, 28


def begin(town: Town, now: int = START) -> Work:
    return Work(town.conn, town.url, worlds.city(), Shard(), now)


def rarely(n: int = 45) -> list[Commit]:
    """From minute ten on the air station speaks once in a quarter of an hour; the gauge tells of a flood."""
    high = [1.7 + 0.01 * (i % 3) for i in range(30)]
    feed = worlds.with_values(worlds.minutes(worlds.roster(), n), GAUGE, 5, high)
    for i in range(CHANGED, n):
        if i % 15:
            feed = worlds.without(feed, AIR, i, i + 1)
    return feed


def register(town: Town, device: Device) -> None:
    with town.conn.transaction():
        upsert_devices(town.conn, [device])


def drive(town: Town, work: Work, feed: Sequence[Commit]) -> None:
    for commit in feed:
        town.commit(commit)
        while work.step(town.conn, commit.now, woken=False):
            pass
        work.engine.tick(town.conn, commit.now + 40_000_000)


def rules(town: Town) -> set[str]:
    return {str(row[0]).split(":")[0] for row in town.anomalies()}


@pytest.mark.parametrize("is_registered", [True, False], ids=["registered", "not registered"])
def test_a_longer_interval_is_no_silence(town: Town, is_registered: bool) -> None:
    """The flood that stands goes on as it was, and a crash after the change takes nothing back."""
    work, feed = begin(town), rarely()
    drive(town, work, feed[:CHANGED])
    if is_registered:
        register(town, replace(DEVICES[AIR], interval_s=900.0))
    drive(town, work, feed[CHANGED:CRASH])
    work.close()
    work = begin(town, feed[CRASH].now)
    drive(town, work, feed[CRASH:])
    work.close()
    assert rules(town) == ({"limit"} if is_registered else {"limit", "silence"})


def test_names_change_nothing_and_what_detectors_go_by_does(town: Town) -> None:
    work = begin(town)
    core, moment = work.engine.core, START

    def renewed() -> bool:
        nonlocal core, moment
        moment += MINUTE
        work.step(town.conn, moment, woken=False)
        before, core = core, work.engine.core
        return core is not before

    assert not renewed()
    register(town, replace(DEVICES[AIR], name_en="Another name"))
    assert not renewed()
    register(town, worlds.device("air-2", "air_station", "pm2_5"))
    assert not renewed(), "a new device is taken up when it is heard"
    register(town, replace(DEVICES[AIR], zone="761"))
    assert renewed()
    assert not renewed()
    assert work.engine.core.roster.devices["air-1"].zone == "761"
    work.close()
