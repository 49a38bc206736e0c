"""The last hours of a stream against the shapes they usually take."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics.roster import Roster, Rows
from analytics.stages import Stage
from analytics.times import DAY, HOUR
from telemetry.alerts import Finding, FindingState
from telemetry.detection import DetectorSpec
from telemetry.errors import ConfigError
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, START, Commit

STEP = 5 * MINUTE
GAUGE = worlds.device("gauge-1", "tide_gauge", "water_level_m", interval_s=300.0)


def tide(times: NDArray[np.int64]) -> NDArray[np.float64]:
    """M2, whose day is not ours, and a little noise that each moment has for good."""
    noise = np.random.default_rng(7).normal(0.0, 0.02, 4096)[(times // STEP) % 4096]
    return 0.5 + 1.1 * np.sin(2 * np.pi * times / (12.42 * HOUR)) + noise


def learnt(roster: Roster, **params: object) -> Stage:
    stage = worlds.stage("subspace", **params)
    stage.extend(roster)
    times = np.arange(START - 7 * DAY, START, STEP)
    past = Rows(np.zeros(len(times), np.int64), times, tide(times))
    stage.detector.warm(past, START)
    stage.detector.learn(stage.detector.fit(roster, past))
    return stage


def run(stage: Stage, times: NDArray[np.int64], values: NDArray[np.float64]) -> list[Finding]:
    feed = [
        Commit(Rows(np.zeros(1, np.int64), times[i : i + 1], values[i : i + 1]), int(times[i]) + 1)
        for i in range(len(times))
    ]
    return worlds.flat(worlds.drive(stage, feed))


@pytest.fixture
def roster() -> Roster:
    return worlds.roster((GAUGE,))


def day(hours: float = 24.0) -> NDArray[np.int64]:
    return START + np.arange(0, round(hours * HOUR), STEP)


def test_the_tide_is_usual(roster: Roster) -> None:
    times = day(48)
    assert run(learnt(roster), times, tide(times)) == []


def test_a_foot_of_water_is_told_with_its_picture(roster: Roster) -> None:
    times = day()
    flood = (times >= START + 6 * HOUR) & (times < START + 8 * HOUR)
    found = run(learnt(roster), times, tide(times) + 0.5 * flood)
    assert [finding.state for finding in found][:1] == [FindingState.RAISED]
    assert found[-1].state is FindingState.CLEARED
    first = found[0]
    assert first.key == "subspace:11"
    assert START + 6 * HOUR < int(first.at.timestamp() * 1e6) <= START + 6 * HOUR + 4 * STEP
    assert first.value is not None
    assert first.expected_high is not None
    assert first.value > first.expected_high
    window, shape = first.detail["window"], first.detail["reconstruction"]
    assert len(window) == len(shape) == 48
    assert first.detail["window_step_s"] == 600.0
    assert window[-1] == pytest.approx(first.value, abs=1e-3)
    assert shape[-1] == pytest.approx(first.detail["expected"], abs=1e-3)


def test_an_outage_leaves_no_ghost(roster: Roster) -> None:
    """Hours after a wild stretch the window still holds it, and nothing is told of that."""
    times = day(20)
    wild = (times >= START + 2 * HOUR) & (times < START + 3 * HOUR)
    found = run(learnt(roster), times, np.where(wild, -9.0, tide(times)))
    assert [finding.state for finding in found if finding.state is not FindingState.ONGOING] == [
        FindingState.RAISED,
        FindingState.CLEARED,
    ]
    assert found[-1].at.timestamp() * 1e6 <= START + 4 * HOUR


@pytest.mark.parametrize("hours", [0.5, 3.0, 30.0], ids=["short", "long", "past all memory"])
def test_silence_is_nothing_strange(roster: Roster, hours: float) -> None:
    times = day(60)
    heard = (times < START + 2 * HOUR) | (times >= START + (2 + hours) * HOUR)
    assert run(learnt(roster), times[heard], tide(times[heard])) == []


def test_a_gauge_moved_for_good_is_usual_once_that_was_learnt(roster: Roster) -> None:
    stage, times = learnt(roster), day(24)
    found = run(stage, times, tide(times) + 6.0 * (times >= START + 2 * HOUR))
    assert found[0].state is FindingState.RAISED
    assert found[-1].state is not FindingState.CLEARED
    before = np.arange(START - 7 * DAY, START, STEP)
    past = Rows(np.zeros(len(before), np.int64), before, tide(before) + 6.0)
    stage.detector.learn(stage.detector.fit(roster, past))
    times = times + DAY
    assert run(stage, times, tide(times) + 6.0)[0].state is FindingState.CLEARED


def test_too_little_history_is_no_model(roster: Roster) -> None:
    stage = worlds.stage("subspace")
    stage.extend(roster)
    times = np.arange(START - DAY, START, STEP)
    past = Rows(np.zeros(len(times), np.int64), times, tide(times))
    assert len(stage.detector.fit(roster, past)["stream"]) == 0


def test_models_and_windows_of_another_length_are_left(roster: Roster) -> None:
    old, new = learnt(roster), worlds.stage("subspace", window_steps=48, components=4)
    new.extend(roster)
    worlds.carried_over(old, new)
    times = day(2)
    assert run(new, times, tide(times) + 5.0) == []


@pytest.mark.parametrize(
    ("params", "key"),
    [
        ({"window_steps": 10, "components": 10}, "fewer than window_steps"),
        ({"clear": 9.0}, "clear 9"),
        ({"windows": 10}, "windows"),
    ],
    ids=["components", "clear", "misspelt"],
)
def test_what_cannot_be_is_refused(params: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        DetectorSpec("subspace", "subspace", params=params).parameters()
