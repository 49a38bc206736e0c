"""Sensors that repeat themselves, and those that may."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.roster import Rows
from analytics.stages import Stage
from analytics.times import DAY
from telemetry.alerts import FindingState
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, MONDAY

GAUGE, ROAD, AIR, FEEDER = range(4)


def stage(past: Rows | None = None) -> Stage:
    who = worlds.roster()
    made = worlds.stage("stuck")
    made.extend(who)
    made.detector.learn(made.detector.fit(who, worlds.history(who) if past is None else past))
    return made


def states(made: Stage, values: list[float], n: int = 240) -> list[tuple[int, FindingState]]:
    feed = worlds.with_values(worlds.minutes(worlds.roster(), n), FEEDER, 20, values)
    return [(minute, f.state) for minute, found in enumerate(worlds.drive(made, feed)) for f in found]


def past_with(usual: np.ndarray) -> Rows:
    past = worlds.history(worlds.roster())
    values = past.values.copy()
    values[past.streams == FEEDER] = usual
    return Rows(past.streams, past.times, values)


TIMES = worlds.history(worlds.roster()).times[: 7 * 288]


def test_a_varying_stream_that_stops_varying() -> None:
    assert states(stage(), [118.5] * 60) == [(45, FindingState.RAISED), (80, FindingState.CLEARED)]


def test_alike_but_not_the_same_is_not_stuck() -> None:
    assert states(stage(), [118.5 + 1e-9 * (i % 2) for i in range(200)]) == []


@pytest.mark.parametrize(
    "usual",
    [
        np.zeros(len(TIMES)),
        np.where((TIMES - MONDAY) % DAY < DAY // 2, 0.0, 50.0 + np.sin(np.arange(len(TIMES)))),
        np.where(np.arange(len(TIMES)) % 400 < 8, 10.0 + np.arange(len(TIMES)) % 3, 0.0),
    ],
    ids=["gate at rest", "lamp by day", "dry rain gauge"],
)
def test_streams_that_usually_rest_are_exempt(usual: np.ndarray) -> None:
    assert states(stage(past_with(usual)), [0.0] * 200) == []


@pytest.mark.parametrize(("value", "states_told"), [(99.5, 0), (80.5, 1)], ids=["saturated air", "any other"])
def test_saturated_air_stays_as_it_is(
    value: float, states_told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(worlds._USUAL, "humidity_pct", 75.0)
    who = worlds.roster([worlds.device("air-1", "air_station", "humidity_pct")])
    made = worlds.stage("stuck")
    made.extend(who)
    made.detector.learn(made.detector.fit(who, worlds.history(who)))
    feed = worlds.with_values(worlds.minutes(who, 240), 0, 20, [value] * 220)
    assert len(worlds.flat(worlds.drive(made, feed))) == states_told


def test_a_fault_in_history_does_not_teach_that_faults_are_usual() -> None:
    usual = 50.0 + np.sin(np.arange(len(TIMES)))
    usual[500:530] = 50.0
    assert states(stage(past_with(usual)), [50.0] * 100)[0] == (45, FindingState.RAISED)


def test_coarse_values_are_given_longer() -> None:
    usual = np.floor(np.arange(len(TIMES)) / 4.0)
    assert states(stage(past_with(usual)), [7.0] * 40) == []
    assert states(stage(past_with(usual)), [7.0] * 100)[0][0] == 20 + 63


def test_too_little_history_is_no_ground() -> None:
    past = worlds.history(worlds.roster())
    assert states(stage(past.take(past.times < past.times.min() + 60 * 5 * MINUTE)), [118.5] * 60) == []
