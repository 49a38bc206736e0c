"""A device's clock: what of it can be seen, and what must not be taken for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from analytics.engine import Engine
from analytics.roster import Roster
from analytics.stages import make_pipeline
from analytics.times import SECOND, moment
from telemetry.alerts import Finding, FindingState, Severity
from telemetry.detection import Configuration, DetectorSpec
from telemetry.quality import began, ended
from telemetry.readings import Quality, Readings
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, START, Commit

GAUGE, ROAD, AIR, FEEDER, ROAD_2 = range(5)
FROM, TO = 25, 85
"""Minutes of the feed in which something is wrong."""


def live(offset_s: Callable[[int, int], float], n: int = 120) -> list[Commit]:
    """Two hours in which stream ``s`` bears, in minute ``i``, times off by ``offset_s(i, s)``."""
    feed = worlds.minutes(worlds.roster(), n)
    streams = range(len(feed[0].rows))
    offsets = [[offset_s(i, s) for s in streams] for i in range(n)]
    return [worlds.live(commit, np.array(row, float)) for commit, row in zip(feed, offsets, strict=True)]


def one_off(offset_s: float) -> list[Commit]:
    """Of which for an hour the air station's clock is off."""
    return live(lambda i, s: offset_s if s == AIR and FROM <= i < TO else 0.0)


def told(feed: Sequence[Commit]) -> list[Finding]:
    stage = worlds.stage("clock")
    stage.extend(worlds.roster())
    return worlds.flat(worlds.drive(stage, feed))


def at_minute(i: float) -> int:
    """When that minute's commit came."""
    return START + round((i + 1) * MINUTE)


@pytest.mark.parametrize("offset_s", [590.0, 45.0, -45.0, -25_200.0], ids=str)
def test_a_wrong_clock_is_told_and_its_end_too(offset_s: float) -> None:
    first, last = told(one_off(offset_s))
    assert (first.key, first.rule, first.state) == ("clock:air-1", "clock", FindingState.RAISED)
    assert first.severity is Severity.MINOR
    assert first.detail["offset_s"] == pytest.approx(offset_s, abs=1)
    assert first.detail["allowed_s"] == 30.0
    assert last.state is FindingState.CLEARED
    assert at_minute(FROM) < _us(first) <= at_minute(FROM + 15)
    assert at_minute(TO) < _us(last) <= at_minute(TO + 10)


@pytest.mark.parametrize("offset_s", [300.0, -25_200.0], ids=str)
def test_the_interval_is_of_the_times_that_are_wrong(offset_s: float) -> None:
    """They lie as far away as the clock is off; well timed readings before and after are not in it."""
    first, last = told(one_off(offset_s))
    wrong = moment(at_minute(FROM)), moment(at_minute(TO - 1))
    assert (began(first) - wrong[0]).total_seconds() == pytest.approx(offset_s, abs=0.01)
    assert 0 < (ended(last) - wrong[1]).total_seconds() - offset_s < 0.01


@pytest.mark.parametrize("offset_s", [25.0, -25.0])
def test_what_is_tolerated_is_not_told(offset_s: float) -> None:
    assert told(one_off(offset_s)) == []


def test_between_tolerated_and_over_it_stands() -> None:
    feed = live(lambda i, s: (40.0 if i < 60 else 20.0) if s == AIR and i >= FROM else 0.0)
    assert [finding.state for finding in told(feed)] == [FindingState.RAISED]


def test_a_backlog_of_all_is_no_device_s_fault() -> None:
    """Ingest was away, or is slow for hours: everything comes late."""
    assert told(live(lambda i, _s: -200.0 if FROM <= i < TO else 0.0)) == []
    assert told(live(lambda i, _s: -20.0 * (i - FROM) if FROM <= i < TO else 0.0)) == []


def test_a_wrong_clock_shows_in_a_backlog() -> None:
    feed = live(lambda i, s: (-200.0 if i >= FROM else 0.0) + (120.0 if s == AIR else 0.0))
    first, *_ = told(feed)
    assert first.detail["offset_s"] == pytest.approx(120.0, abs=1)


def test_readings_that_were_kept_for_want_of_a_link_are_no_wrong_clock() -> None:
    """Every other reading comes late: what counts is the most timely one."""
    assert told(live(lambda i, s: -900.0 * (i % 2) if s == AIR else 0.0)) == []


def test_a_device_that_works_off_what_it_kept_is_not_told_and_its_readings_are_fit() -> None:
    """It was away for an hour; for the next one its readings come oldest first, ever less late."""
    feed = live(lambda i, s: min(0.0, -3600.0 + 60.0 * (i - FROM)) if s == AIR and i >= FROM else 0.0)
    stage = worlds.stage("clock")
    stage.extend(worlds.roster())
    assert worlds.flat(worlds.drive(stage, feed[: FROM + 15])) == []
    assert not stage.detector.unfit(feed[FROM + 14].rows).any()
    assert worlds.flat(worlds.drive(stage, feed[FROM + 15 :])) == []


def test_one_that_stops_catching_up_is_told() -> None:
    late = [-3600.0 + 60.0 * min(i - FROM, 20) for i in range(120)]
    first, *_ = told(live(lambda i, s: late[i] if s == AIR and i >= FROM else 0.0))
    assert at_minute(FROM + 20) < _us(first) <= at_minute(FROM + 35)
    assert first.detail["offset_s"] == pytest.approx(-2400.0, abs=1)


def test_a_clock_that_is_off_once_is_not_told() -> None:
    assert told(live(lambda i, s: 300.0 if s == AIR and i == 40 else 0.0)) == []


def test_nothing_is_found_where_it_is_not_known_when_readings_came() -> None:
    feed = [Commit(replace(c.rows, leads=None), c.now) for c in one_off(300.0)]
    assert told(feed) == []


def test_a_time_of_arrival_says_nothing_of_a_clock() -> None:
    feed = one_off(300.0)
    blind = [replace(c, rows=replace(c.rows, leads=np.full(len(c.rows), np.nan))) for c in feed]
    assert told(blind) == []


def test_rows_know_how_far_ahead_a_reading_was() -> None:
    who: Roster = worlds.roster()
    flags = [Quality.GOOD, Quality.LATE, Quality.ARRIVAL_TIME]
    times = [START + 90 * SECOND, START - 600 * SECOND, START]
    rows = who.rows(Readings.of([11, 12, 13], times, [1.0, 1.0, 1.0], flags), START)
    assert rows.times.tolist() == [START, START - 600 * SECOND, START]
    assert rows.leads is not None
    np.testing.assert_array_equal(rows.leads, [90.0, -600.0, np.nan])


@pytest.mark.parametrize(("offset_s", "kept_from_others"), [(-25_200.0, True), (300.0, False)], ids=str)
def test_only_readings_of_another_hour_are_kept_from_the_city_s_detectors(
    offset_s: float, kept_from_others: bool
) -> None:
    spec = [DetectorSpec(kind, kind) for kind in ("clock", "limits")]
    engine = Engine(make_pipeline(worlds.city(devices=worlds.DEVICES), Configuration(tuple(spec))))
    engine.extend(list(worlds.roster().streams), list(worlds.DEVICES))
    found: list[Finding] = []
    high = worlds.with_values(worlds.minutes(worlds.roster(), 90), GAUGE, 60, [1.7] * 30)
    for i, commit in enumerate(high):
        off = np.where(commit.rows.streams == GAUGE, offset_s if i >= FROM else 0.0, 0.0)
        found += engine.score_rows(worlds.live(commit, off).rows, commit.now)
    rules = {finding.rule for finding in found}
    assert "clock" in rules
    assert ("limit:tide" not in rules) is kept_from_others


def _us(finding: Finding) -> int:
    return round(finding.at.timestamp() * 1e6)
