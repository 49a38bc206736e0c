"""Shards: who scores what, who has which, and what becomes of it when their number changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest

from analytics import recovery
from analytics.live import LiveEngine
from analytics.passing import moments
from analytics.resplit import resplit
from analytics.shards import Shard, fair_share, shards_of, split_among
from analytics.ties import torn
from analytics.times import HOUR, SECOND
from analytics.work import Work
from launch.config import load_city, load_settings
from store.batches import heads
from store.offsets import get_offsets, worst_lag
from store.pool import connect
from store.snapshots import list_consumers
from telemetry.detection import Configuration, DetectorSpec
from tests.analytics import worlds
from tests.analytics.test_engine import eventful
from tests.analytics.towns import Town, make_town, town
from tests.analytics.worlds import START

__all__ = ["make_town", "town"]  # fixtures

FOUR = shards_of(4)


@pytest.mark.parametrize("n", [1, 2, 4, 7])
def test_a_device_is_of_one_shard_and_stays_with_its_zone(n: int) -> None:
    devices = [worlds.device(f"d{i}", "feeder", "active_power_kw") for i in range(5)]
    for device in devices:
        assert [shard.holds(device) for shard in shards_of(n)].count(True) == 1
    assert len({shard for shard in shards_of(n) for device in devices if shard.holds(device)}) == 1


def test_consumers_tell_the_split() -> None:
    assert split_among([]) is None
    assert split_among(["dashboard", "analytics-models"]) is None
    assert split_among(["analytics", "analytics-models"]) == 1
    assert split_among([shard.consumer for shard in FOUR]) == 4
    assert [Shard().consumer, Shard(2, 4).consumer] == ["analytics", "analytics/2of4"]


SHARES = {
    "alone": ({}, [7], {7: 4}),
    "a second one joins": (dict.fromkeys(FOUR, 7), [3, 7], {7: 2, 3: 2}),
    "who has most keeps what is over": (dict.fromkeys(FOUR, 7), [3, 7, 9], {7: 2, 3: 1, 9: 1}),
    "one too many": (dict(zip(FOUR, [1, 2, 3, 4], strict=True)), [0, 1, 2, 3, 4], {0: 0, 4: 1}),
    "one died": (dict.fromkeys(FOUR[:2], 7), [7], {7: 4}),
    "a stranger asks": ({}, [7], {5: 0}),
}  # fmt: skip


@pytest.mark.parametrize(("owners", "members", "fair"), SHARES.values(), ids=SHARES)
def test_fair_shares(owners: dict[Shard, int], members: Sequence[int], fair: dict[int, int]) -> None:
    assert {me: fair_share(FOUR, owners, members, me) for me in fair} == fair


def test_time_passes_at_the_same_moments_however_often_somebody_looks() -> None:
    heard = START + 3 * SECOND
    whole = moments(heard, heard, heard + 5 * HOUR)
    looked = [heard, heard + 1, heard + 7 * SECOND, heard + 61 * SECOND, heard + HOUR, heard + 5 * HOUR]
    parts = [moments(heard, a - 1, b) for a, b in pairwise(looked)]
    assert sorted(set(whole)) == whole == sorted({moment for part in parts for moment in part})
    assert whole[0] == START + 10 * SECOND
    assert len(whole) < 100


def crew(town: Town, n: int) -> list[LiveEngine]:
    return [recovery.start(town.conn, worlds.city(), START, shard) for shard in shards_of(n)]


def consume_all(town: Town, engines: Sequence[LiveEngine]) -> None:
    for engine in engines:
        while engine.consume(town.conn):
            pass


@pytest.fixture
def zones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The devices of the small city in zones of their own."""
    spread = [worlds.replace(device, zone=str(760 + i)) for i, device in enumerate(worlds.DEVICES)]
    monkeypatch.setattr("tests.analytics.towns.DEVICES", tuple(spread))


@pytest.mark.usefixtures("zones")
@pytest.mark.parametrize("n", [2, 4])
def test_shards_find_together_what_one_finds_alone(make_town: Callable[[], Town], n: int) -> None:
    alone, shared = make_town(), make_town()
    (single,), crewed = crew(alone, 1), crew(shared, n)
    assert sum(len(engine.core.roster) for engine in crewed) == len(worlds.DEVICES)
    assert len([engine for engine in crewed if len(engine.core.roster)]) > 1
    for commit in eventful():
        alone.commit(commit)
        shared.commit(commit)
    consume_all(alone, [single])
    consume_all(shared, crewed)
    assert shared.anomalies() == alone.anomalies() != []
    assert shared.happenings() == alone.happenings()
    assert sum(engine.counts.scored for engine in crewed) == single.counts.scored
    assert all(engine.counts.strangers == 0 for engine in crewed)


SPLITS = {"more": [1, 4, 2], "fewer": [4, 1], "there and back": [2, 3, 2]}


@pytest.mark.usefixtures("zones")
@pytest.mark.parametrize("splits", SPLITS.values(), ids=SPLITS)
def test_another_number_of_shards_changes_nothing(
    make_town: Callable[[], Town], splits: Sequence[int]
) -> None:
    """The old shards stop at different places, and more is committed before the change."""
    calm, changed = make_town(), make_town()
    (single,) = crew(calm, 1)
    feed, place = eventful(), 0
    for turn, n in enumerate(splits):
        if turn:
            assert resplit(changed.conn, worlds.city(), splits[turn - 1], n, START)
        engines = crew(changed, n)
        end = len(feed) * (turn + 1) // len(splits)
        for commit in feed[place:end]:
            calm.commit(commit)
            changed.commit(commit)
            consume_all(calm, [single])
            consume_all(changed, engines[: 1 + commit.now % n])
        place = end
    consume_all(changed, engines)
    assert changed.anomalies() == calm.anomalies() != []
    assert changed.happenings() == calm.happenings()
    assert set(list_consumers(changed.conn)) == {
        name for shard in shards_of(splits[-1]) for name in (shard.consumer, shard.models)
    }
    for shard in shards_of(splits[-1]):
        assert get_offsets(changed.conn, shard.consumer) == heads(changed.conn)


def test_the_lag_is_that_of_the_shard_furthest_behind(town: Town) -> None:
    first, _ = crew(town, 2)
    town.commit_all(eventful()[:3])
    consume_all(town, [first])
    assert worst_lag(town.conn, "analytics") == 3
    assert worst_lag(town.conn, "nobody") == 3


def test_another_split_waits_for_those_at_work(town: Town) -> None:
    crew(town, 2)
    with connect(town.url, name="other", autocommit=True) as other:
        assert recovery.begin(other, Shard(), START) == 2
        assert other.execute("SELECT 1").fetchone()
        town.conn.execute("SELECT pg_advisory_lock(hashtextextended('cityops analytics/2of2', 0))")
        assert not resplit(other, worlds.city(), 2, 1, START)
        town.conn.execute("SELECT pg_advisory_unlock_all()")
        assert resplit(other, worlds.city(), 2, 1, START)


def test_a_backlog_is_shown_and_worked_off(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than is read at once, with a finding in the middle of it."""
    monkeypatch.setattr("analytics.live._BATCHES_AT_ONCE", 32)
    work = Work(town.conn, town.url, worlds.city(), Shard(), START)
    feed = eventful()
    town.commit_all(feed)
    assert worst_lag(town.conn, "analytics") == len(feed)
    lags_us: list[int] = []
    while work.step(town.conn, feed[-1].now, woken=False):
        lags_us.append(work.lag_us(feed[-1].now))
    assert lags_us == sorted(lags_us, reverse=True)
    assert lags_us[0] > 30 * 60 * SECOND
    assert work.lag_us(feed[-1].now) == worst_lag(town.conn, "analytics") == 0
    assert work.engine.counts.scored == sum(len(commit.rows) for commit in feed)
    work.end(town.conn, feed[-1].now)


def test_no_log_gets_ahead_of_another_behind_a_backlog(town: Town) -> None:
    """One log has many small entries and one has few: the sensors of the first are not silent."""
    engine = town.engine()
    for commit in worlds.minutes(worlds.roster(), 80):
        even = commit.rows.streams % 2 == 0
        for i in range(len(commit.rows)):
            if even[i]:
                town.commit(worlds.Commit(commit.rows.take(np.array([i])), commit.now), "ingest-1")
        town.commit(worlds.Commit(commit.rows.take(~even), commit.now), "ingest-2")
    consume_all(town, [engine])
    assert town.anomalies() == []
    assert get_offsets(town.conn, "analytics") == {"ingest-1": 240, "ingest-2": 80}


def test_what_the_default_detectors_compare_is_in_one_shard() -> None:
    """Up to one for each part of domains; who asks for more is told what is taken apart."""
    city = load_city(load_settings(None, {}))
    assert [torn(city.detection.enabled, city.devices, n) for n in (1, 2, 3)] == [[]] * 3
    assert "drift" in torn(city.detection.enabled, city.devices, 4)
    zones = DetectorSpec("g", "groups", params={"group_by": ["zone"]})
    assert torn([zones, DetectorSpec("limits", "limits")], city.devices, 2) == ["g"]
    for n in (2, 4, 7):
        assert all(any(shard.holds(device) for device in city.devices) for shard in shards_of(n))


@pytest.mark.usefixtures("zones")
def test_a_group_that_spans_zones_is_scored_whole(
    make_town: Callable[[], Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"group_by": ["domain"], "step_s": 60.0, "wait_s": 0.0}
    spec = DetectorSpec("groups", "groups", params=params)
    monkeypatch.setattr(worlds, "PLAIN", Configuration((spec,)))
    alone, shared = make_town(), make_town()
    (single,), crewed = crew(alone, 1), crew(shared, 2)
    for commit in eventful():
        alone.commit(commit)
        shared.commit(commit)
    consume_all(alone, [single])
    consume_all(shared, crewed)
    assert shared.anomalies() == alone.anomalies() != []
