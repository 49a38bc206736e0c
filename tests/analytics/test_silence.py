"""Devices from which nothing comes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analytics.stages import Stage, make_guard
from analytics.times import SECOND
from telemetry.alerts import FindingState, Severity
from telemetry.detection import DetectorSpec, Selector
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, START, Commit

AIR = 2
RAISED, ONGOING, CLEARED = FindingState.RAISED, FindingState.ONGOING, FindingState.CLEARED


def stage(*, warm: bool = False) -> Stage:
    made = worlds.stage("silence")
    made.extend(worlds.roster())
    if warm:
        made.detector.warm(worlds.history(worlds.roster()), START)
    return made


def run(made: Stage, feed: list[Commit]) -> list[tuple[int, str, str, str]]:
    return [
        (minute, finding.key, str(finding.state), str(finding.severity))
        for minute, found in enumerate(worlds.drive(made, feed))
        for finding in found
    ]


def test_silence_and_recovery() -> None:
    feed = worlds.without(worlds.minutes(worlds.roster(), 60), AIR, 10, 50)
    assert run(stage(), feed) == [
        (12, "silence:air-1", "raised", "minor"),
        (39, "silence:air-1", "ongoing", "major"),
        (50, "silence:air-1", "cleared", "major"),
    ]


def test_one_finding_a_device_by_its_first_stream() -> None:
    who = worlds.roster((worlds.device("air-2", "air_station", "pm2_5", "battery_pct"), *worlds.DEVICES))
    made = worlds.stage("silence")
    made.extend(who)
    feed = worlds.minutes(who, 12)
    for stream in (0, 1):
        feed = worlds.without(feed, stream, 3, 12)
    (found,) = worlds.flat(worlds.drive(made, feed))
    assert (found.key, found.stream_id, found.rule) == ("silence:air-2", 11, "silence")
    assert found.severity is Severity.MINOR
    assert found.detail["device_id"] == "air-2"


def test_only_the_streams_it_is_given_count() -> None:
    who = worlds.roster((worlds.device("air-2", "air_station", "battery_pct", "pm2_5"), *worlds.DEVICES))
    spec = DetectorSpec("silence", "silence", (Selector(metric=("pm2_5",)),))
    made = make_guard(worlds.city(), spec)
    made.extend(who)
    feed = worlds.minutes(who, 12)
    for stream in (1, 2):
        feed = worlds.without(feed, stream, 3, 12)
    (found,) = worlds.flat(worlds.drive(made, feed))
    assert (found.key, found.stream_id) == ("silence:air-2", 12), "though its battery is heard"


def test_a_city_that_falls_silent_is_not_its_devices_fault() -> None:
    feed = worlds.minutes(worlds.roster(), 60)
    made = stage()
    before, after = feed[:10], feed[50:]
    assert run(made, before) == []
    for second in range(0, 40 * 60, 10):
        assert made.tick(before[-1].now + second * SECOND) == []
    assert run(made, after) == []
    assert made.detector.counts() == {"city_stalls": 1}


def test_after_a_stall_each_device_has_its_time_to_come_back() -> None:
    feed = worlds.minutes(worlds.roster(), 60)
    made = stage()
    run(made, feed[:10])
    late = worlds.without(feed[50:], AIR, 0, 2)
    assert run(made, late) == []


def test_a_start_after_downtime_reports_nobody() -> None:
    made = stage(warm=True)
    later = [replace(c, now=c.now + 600 * MINUTE) for c in worlds.minutes(worlds.roster(), 20)]
    assert run(made, later) == []


def test_a_device_that_died_while_nobody_looked_is_missed() -> None:
    feed = worlds.without(worlds.minutes(worlds.roster(), 20), AIR, 0, 20)
    assert run(stage(warm=True), feed) == [(3, "silence:air-1", "raised", "minor")]


def test_a_device_never_heard_is_not_missed() -> None:
    feed = worlds.without(worlds.minutes(worlds.roster(), 20), AIR, 0, 20)
    assert run(stage(), feed) == []


def test_offline_readings_sent_late_are_signs_of_life() -> None:
    feed = worlds.without(worlds.minutes(worlds.roster(), 20), AIR, 5, 15)
    old = worlds.minutes(worlds.roster(), 1)[0].rows
    feed[14] = replace(feed[14], rows=old.take(old.streams == AIR))
    states = [state for _, _, state, _ in run(stage(), feed)]
    assert states == ["raised", "cleared"]


@pytest.mark.parametrize(("interval_s", "allowed_s"), [(1.0, 30), (10.0, 30), (60.0, 180)])
def test_how_long_is_too_long(interval_s: float, allowed_s: int) -> None:
    who = worlds.roster([worlds.device("a", "x", "pm2_5", interval_s=interval_s), worlds.DEVICES[0]])
    made = worlds.stage("silence")
    made.extend(who)
    both = worlds.minutes(who, 1)[0].rows
    made.score(both, START)
    alone = both.take(both.streams == 1)
    raised = [
        second
        for second in range(1, 400)
        for finding in made.score(alone, START + second * SECOND) + made.tick(START + second * SECOND)
        if finding.state is RAISED
    ]
    assert raised == [allowed_s]
