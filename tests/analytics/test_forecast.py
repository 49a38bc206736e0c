"""Forecasts: the fan, its crossings, and an early warning of a tide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.detectors import Setup
from analytics.detectors.forecast import Forecast
from analytics.forecasting.crossings import find_crossings
from analytics.forecasting.features import LEVELS
from analytics.forecasting.model import Fan
from analytics.roster import Roster, Rows
from analytics.stages import Stage, make_watcher
from analytics.times import DAY, HOUR
from telemetry.alerts import Finding, FindingState, Severity
from telemetry.city import City
from telemetry.detection import DetectorSpec
from telemetry.tide import Station, level_m
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, START

GAUGE = replace(worlds.device("gauge-9", "tide_gauge", "water_level_m", tide="river"), interval_s=300.0)
RIVER = {"z0_m": 0.5, "amplitude_m": {"M2": 0.8, "K1": 0.3}, "phase_deg": {"M2": 284.0, "K1": 254.0}}
STATION = Station(0.5, {"M2": 0.8, "K1": 0.3}, {"M2": 284.0, "K1": 254.0})


def town() -> City:
    return replace(worlds.city(), sim={"tide": {"station": {"river": RIVER}}})


def roster() -> Roster:
    return worlds.roster((GAUGE,))


def levels(first: int, last: int, surge_m: float = 0.05) -> Rows:
    times = np.arange(first, last, 5 * MINUTE)
    noise = np.random.default_rng(4).normal(0.0, 0.004, len(times))
    return Rows(np.zeros(len(times), np.int64), times, level_m(STATION, times) + surge_m + noise)


def warned(stage: Stage, rows: Rows) -> list[Finding]:
    every = [rows.take(np.array([i])) for i in range(len(rows))]
    return [finding for one in every for finding in stage.score(one, int(one.times[0]))]


@pytest.fixture
def stage() -> Stage:
    return learnt(0.05)


def learnt(surge_m: float) -> Stage:
    """A stage that knows a week of this surge."""
    made = make_watcher(town(), DetectorSpec("forecast", "forecast"))
    made.extend(roster())
    past = levels(START - 7 * DAY, START, surge_m)
    made.detector.learn(made.detector.fit(roster(), past))
    made.detector.warm(past, START)
    return made


def test_a_tide_is_warned_of_hours_before_and_the_warning_ends_with_the_crossing(stage: Stage) -> None:
    rows = levels(START, START + 2 * DAY)
    found = warned(stage, rows)
    crossings = rows.times[1:][(rows.values[1:] >= 1.4) & (rows.values[:-1] < 1.4)]
    raised = [f for f in found if f.state is FindingState.RAISED and f.detail["threshold"] == "bd1"]
    assert len(crossings) >= 2
    for finding in raised:
        at = round(finding.at.timestamp() * 1e6)
        crossed = crossings[crossings > at][0]
        assert 2 * HOUR < crossed - at < 6.5 * HOUR
        assert abs(finding.detail["likely_ms"] * 1000 - crossed) < 20 * MINUTE
        assert finding.detail["earliest_ms"] <= finding.detail["likely_ms"] <= finding.detail["latest_ms"]
    assert {finding.rule for finding in found} == {"forecast:tide"}
    assert max(finding.severity.rank for finding in found) <= Severity.CRITICAL.rank


def test_the_picture_is_a_fan_of_equal_columns(stage: Stage) -> None:
    finding = warned(stage, levels(START, START + DAY))[0]
    columns = [finding.detail[name] for name in ("times_ms", "low", "median", "high")]
    assert {len(column) for column in columns} == {24}
    _, low, median, high = (np.array(column) for column in columns)
    assert (low <= median).all()
    assert (median <= high).all()


def test_a_calm_tide_is_not_warned_of() -> None:
    assert warned(learnt(-0.6), levels(START, START + DAY, -0.6)) == []


def test_nothing_is_forecast_from_a_day() -> None:
    detector = Forecast(Setup(town(), DetectorSpec("forecast", "forecast")))
    detector.extend(roster())
    assert len(detector.fit(roster(), levels(START - DAY, START))["stream"]) == 0


def fan(*medians: float, spread: float = 0.1) -> Fan:
    steps = np.arange(len(medians))
    quantiles = np.array(medians)[:, None] + spread * (LEVELS - 0.5)
    highest, lowest = np.maximum.accumulate(quantiles), np.minimum.accumulate(quantiles)
    return Fan((steps * 15 * MINUTE)[None], *(part[None] for part in (quantiles, highest, lowest)))


def test_a_crossing_is_told_within_the_steps_in_which_it_comes() -> None:
    found = find_crossings(fan(1.0, 1.2, 1.4, 1.6), np.array([1.3]), np.array([1.0]), 4)
    assert found.chance[0] == pytest.approx(0.99)
    assert 22.5 * MINUTE < found.earliest[0] < found.likely[0] < found.latest[0] <= 37.5 * MINUTE


def test_the_times_are_those_of_a_crossing_however_unlikely_it_is() -> None:
    found = find_crossings(fan(1.0, 1.0, 1.22, 1.22), np.array([1.25]), np.array([1.0]), 4)
    assert 0.1 < found.chance[0] < 0.4
    assert 0.0 < found.earliest[0] < found.likely[0] < found.latest[0] <= 37.5 * MINUTE
    assert found.likely[0] > 22.5 * MINUTE


def test_downwards_mirrors_upwards() -> None:
    up = find_crossings(fan(1.0, 1.1, 1.2), np.array([1.21]), np.array([1.0]), 3)
    down = find_crossings(fan(-1.0, -1.1, -1.2), np.array([-1.21]), np.array([-1.0]), 3)
    assert up.chance[0] == pytest.approx(down.chance[0])


def test_what_lies_beyond_the_horizon_does_not_count() -> None:
    found = find_crossings(fan(1.0, 1.0, 2.0), np.array([1.5]), np.array([1.0]), 2)
    assert found.chance[0] == pytest.approx(0.01)
    assert found.likely[0] <= 15 * MINUTE


def test_no_forecast_is_no_chance() -> None:
    found = find_crossings(fan(np.nan, np.nan), np.array([1.5]), np.array([1.0]), 2)
    assert np.isnan(found.chance[0])
    assert np.isnan(found.likely[0])
