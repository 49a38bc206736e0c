"""What every detector keeps to, whatever it looks for."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from analytics.blocks import join
from analytics.detectors import DETECTORS, GUARDS
from analytics.roster import Roster, Rows
from analytics.stages import Stage
from analytics.times import SECOND
from telemetry.alerts import Finding, FindingState
from tests.analytics import worlds
from tests.analytics.worlds import START, Commit

GAUGE, ROAD, AIR, FEEDER, ROAD_2 = range(5)
N = 120
KINDS = sorted({**GUARDS, **DETECTORS})
PARAMS = {"groups": {"group_by": ["zone"], "step_s": 60.0, "wait_s": 0.0}}
NEED_NEIGHBOURS = {"drift"}
"""Detectors with nothing to say of a town whose sensors are alone."""


@dataclass(frozen=True)
class Case:
    name: str

    def stage(self, who: Roster | None = None, past: Rows | None = None) -> Stage:
        """A stage that has learnt a quiet week."""
        who = who or worlds.roster()
        past = worlds.history(who) if past is None else past
        stage = self.fresh(who)
        stage.detector.warm(past, START)
        stage.detector.learn(stage.detector.fit(who, past))
        return stage

    def fresh(self, who: Roster | None = None) -> Stage:
        stage = worlds.stage(self.name, **PARAMS.get(self.name, {}))
        stage.extend(who or worlds.roster())
        return stage


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


@pytest.fixture
def feed(case: Case) -> list[Commit]:
    return feed_of(case.name)


@functools.cache
def feed_of(kind: str) -> list[Commit]:
    """Some hours in which something for this kind of detector begins and ends."""
    return FEEDS.get(kind, _two_hours)()


def _hours_of_smoke() -> list[Commit]:
    """Eight hours, three of them in smoke: an index goes by whole hours."""
    feed = worlds.minutes(worlds.roster(), N, step=4 * worlds.MINUTE)
    return worlds.with_values(feed, AIR, 15, [300.0 - i % 5 for i in range(45)])


def _a_rising_river() -> list[Commit]:
    """Ten hours, in which the water keeps its daily swing, but nearly five times as wide and later."""
    feed = worlds.minutes(worlds.roster(), N, step=5 * worlds.MINUTE)
    hours = 10.0 + np.arange(1, N + 1) / 12.0
    return worlds.with_values(feed, GAUGE, 0, (0.8 + 0.75 * np.sin(np.pi * (hours - 12.0) / 12.0)).tolist())


def _two_hours() -> list[Commit]:
    """Two hours with a flood, a jam, a dead meter and a silent station."""
    feed = worlds.minutes(worlds.roster(), N)
    feed = worlds.with_values(feed, GAUGE, 20, [1.45, 1.52, 1.7, 1.7, 1.58, 1.5, 1.4, 1.2])
    feed = worlds.with_values(feed, ROAD, 30, [6.0 + 0.1 * (i % 7) for i in range(25)])
    feed = worlds.with_values(feed, FEEDER, 40, [118.5] * 30)
    return worlds.without(feed, AIR, 50, 70)


def _two_spikes() -> list[Commit]:
    """Two hours with a sensor that tells a wild value twice."""
    feed = worlds.with_values(_two_hours(), GAUGE, 20, [0.9] * 12)
    return worlds.with_values(worlds.with_values(feed, AIR, 25, [260.0]), AIR, 28, [260.0])


def _a_wrong_clock() -> list[Commit]:
    """Two hours of which, for one, a device's clock is two minutes ahead."""
    feed = worlds.minutes(worlds.roster(), N)
    ahead = np.where(np.arange(len(feed[0].rows)) == FEEDER, 120.0, 0.0)
    return [worlds.live(commit, ahead if 25 <= i < 85 else 0.0) for i, commit in enumerate(feed)]


FEEDS = {
    "clock": _a_wrong_clock,
    "forecast": _a_rising_river,
    "jumps": _two_spikes,
    "vn_aqi": _hours_of_smoke,
}


def test_finds_what_it_is_for(case: Case, feed: list[Commit]) -> None:
    if case.name in NEED_NEIGHBOURS:
        pytest.skip("has tests of its own, in a town with neighbours")
    found = worlds.flat(worlds.drive(case.stage(), feed))
    keys = {
        "clock": "clock:feeder-1",
        "forecast": "forecast:11:tide:high",
        "groups": "groups:zone=760",
        "jumps": "spike:13",
        "limits": "limit:11:tide:high",
        "onset": "onset:11 onset:12",
        "rates": "rate:11:level_rise:rise",
        "seasonal": "seasonal:12",
        "silence": "silence:air-1",
        "stuck": "stuck:14",
        "subspace": "subspace:11 subspace:12 subspace:14",
        "vn_aqi": "vn_aqi:air-1",
    }
    assert {finding.key for finding in found} == set(keys[case.name].split())
    assert found[0].state is FindingState.RAISED
    assert found[-1].state is FindingState.CLEARED
    assert all(finding.detector == case.name for finding in found)


def test_prefix_causal(case: Case, feed: list[Commit]) -> None:
    whole = worlds.drive(case.stage(), feed)
    for cut in (25, 45, 66):
        assert worlds.drive(case.stage(), feed[:cut]) == whole[:cut]


def test_same_again(case: Case, feed: list[Commit]) -> None:
    assert worlds.drive(case.stage(), feed) == worlds.drive(case.stage(), feed)


def test_what_was_asked_for_stays_while_scoring_goes_on(case: Case, feed: list[Commit]) -> None:
    """A snapshot is written beside the loop, so its arrays must be nobody else's."""
    stage = case.stage()
    worlds.drive(stage, feed[:45])
    asked = [stage.detector.state(), stage.decider.state(), stage.detector.models()]
    before = [{name: column.copy() for name, column in table.items()} for table in asked]
    worlds.drive(stage, feed[45:])
    past = worlds.history(worlds.roster())
    stage.detector.learn(stage.detector.fit(worlds.roster(), replace(past, values=1.5 * past.values)))
    for table, copy in zip(asked, before, strict=True):
        for name, column in table.items():
            np.testing.assert_array_equal(column, copy[name], err_msg=name)


def test_cutting_batches_changes_nothing(case: Case, feed: list[Commit]) -> None:
    def single(commit: Commit) -> list[Commit]:
        rows = range(len(commit.rows))
        return [Commit(commit.rows.take(np.array([i], np.intp)), commit.now) for i in rows]

    pieces = [piece for commit in feed for piece in single(commit)]
    assert worlds.flat(worlds.drive(case.stage(), pieces)) == worlds.flat(worlds.drive(case.stage(), feed))


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"clock", "silence"}))
def test_several_readings_of_a_stream_in_one_batch(name: str) -> None:
    """Not for those that go by the time of commit, which this changes."""
    case, feed = Case(name), feed_of(name)

    def join(commits: Sequence[Commit]) -> Commit:
        parts = [commit.rows for commit in commits]
        streams, times, values = (
            np.concatenate([getattr(rows, name) for rows in parts]) for name in ("streams", "times", "values")
        )
        order = np.random.default_rng(5).permutation(len(streams))
        return Commit(Rows(streams[order], times[order], values[order]), commits[-1].now)

    joined = [join(feed[i : i + 12]) for i in range(0, N, 12)]
    found = worlds.flat(worlds.drive(case.stage(), joined))
    assert found == worlds.flat(worlds.drive(case.stage(), feed))


def test_constant_input_raises_nothing(case: Case) -> None:
    who = worlds.roster()
    past = worlds.history(who)
    past = Rows(past.streams, past.times, np.full(len(past), 1.0))
    feed = worlds.minutes(who, N)
    for stream in range(len(who)):
        feed = worlds.with_values(feed, stream, 0, [1.0] * N)
    assert worlds.flat(worlds.drive(case.stage(who, past), feed)) == []


def test_quiet_input_raises_nothing(case: Case) -> None:
    assert worlds.flat(worlds.drive(case.stage(), worlds.minutes(worlds.roster(), 600))) == []


def test_warm_up_raises_nothing(case: Case) -> None:
    assert worlds.flat(worlds.drive(case.fresh(), worlds.minutes(worlds.roster(), N))) == []


@pytest.mark.parametrize("streams", [[], [GAUGE], [ROAD]], ids=["none", "gauge", "road"])
@pytest.mark.parametrize("readings", [1, 400])
def test_short_history_is_fitted_without_a_murmur(case: Case, streams: list[int], readings: int) -> None:
    who = worlds.roster()
    past = worlds.history(who)
    past = past.take(np.isin(past.streams, streams) & (past.times >= START - readings * 5 * worlds.MINUTE))
    assert worlds.flat(worlds.drive(case.stage(who, past), worlds.minutes(who, 20))) == []


def test_missing_data_leaves_no_nan(case: Case, feed: list[Commit]) -> None:
    gaps = np.random.default_rng(3)
    thin = [Commit(c.rows.take(gaps.random(len(c.rows)) < 0.9), c.now) for c in feed]
    found = worlds.flat(worlds.drive(case.stage(), thin))
    assert found or case.name in NEED_NEIGHBOURS
    assert all(number is None or math.isfinite(number) for finding in found for number in _numbers(finding))


def test_input_is_not_written_to(case: Case, feed: list[Commit]) -> None:
    past = worlds.history(worlds.roster())
    for commit in feed:
        _freeze(commit.rows)
    _freeze(past)
    assert worlds.flat(worlds.drive(case.stage(past=past), feed)) or case.name in NEED_NEIGHBOURS


@pytest.mark.parametrize("cut", [22, 35, 56, 65])
def test_going_on_from_a_snapshot(case: Case, feed: list[Commit], cut: int) -> None:
    whole = worlds.drive(case.stage(), feed)
    first = case.stage()
    worlds.drive(first, feed[:cut])
    second = worlds.carried_over(first, case.fresh())
    assert worlds.drive(second, feed[cut:]) == whole[cut:]


def test_a_snapshot_fits_a_grown_city(case: Case, feed: list[Commit]) -> None:
    """Streams are matched by id, not by place."""
    whole = worlds.drive(case.stage(), feed)
    first = case.stage()
    worlds.drive(first, feed[:56])
    grown = worlds.roster(
        (worlds.device("new-1", "tide_gauge", "water_level_m"), *worlds.DEVICES), first_id=10
    )
    second = worlds.carried_over(first, case.fresh(grown))
    moved = [Commit(replace(c.rows, streams=c.rows.streams + 1), c.now) for c in feed[56:]]
    assert worlds.drive(second, moved) == whole[56:]


def test_streams_that_come_later(case: Case, feed: list[Commit]) -> None:
    whole = worlds.drive(case.stage(), feed)
    stage = case.stage()
    found = worlds.drive(stage, feed[:52])
    who = worlds.roster()
    more = worlds.roster((*worlds.DEVICES, worlds.device("new-1", "tide_gauge", "water_level_m")))
    stage.extend(who.extended(more.streams, list(more.devices.values())))
    late = [_with_stranger(commit, len(who)) for commit in feed[52:]]
    assert found + worlds.drive(stage, late) == whole


def test_late_and_repeated_readings_change_nothing(case: Case, feed: list[Commit]) -> None:
    late = [_with_old(commit, before) for commit, before in zip(feed[3:], feed, strict=False)]
    assert worlds.drive(case.stage(), feed[:3] + late) == worlds.drive(case.stage(), feed)


def _with_old(commit: Commit, before: Commit) -> Commit:
    heard = before.rows.take(np.isin(before.rows.streams, commit.rows.streams))
    leads = None if heard.leads is None else heard.leads - (commit.now - before.now) / SECOND
    late = replace(heard, values=np.full(len(heard), 999.0), leads=leads)
    return Commit(join([commit.rows, late, commit.rows]), commit.now)


def _with_stranger(commit: Commit, place: int) -> Commit:
    leads = None if commit.rows.leads is None else np.zeros(1)
    one = Rows(np.array([place]), np.array([commit.now]), np.array([0.5 + commit.now % 7 / 100]), leads)
    return Commit(join([commit.rows, one]), commit.now)


def _numbers(finding: Finding) -> list[float | None]:
    numbers = [finding.value, finding.expected_low, finding.expected_high, finding.score]
    return numbers + [value for value in finding.detail.values() if isinstance(value, float)]


def _freeze(rows: Rows) -> None:
    for array in (rows.streams, rows.times, rows.values, rows.leads):
        if array is not None:
            array.setflags(write=False)
