"""A sensor that strays from its neighbours, and one that moves with them."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.stages import GuardStage, Stage
from telemetry.alerts import Finding, FindingState
from tests.analytics import worlds
from tests.analytics.worlds import START, Commit

AIRS = tuple(worlds.device(f"air-{i}", "air_station", "pm2_5") for i in range(6))
N = 8 * 60
RAMP = np.minimum(np.arange(N) * 0.25, 60.0)
"""A quarter of a microgram a minute, for four hours, and then as far off as that."""


def stage(devices: tuple[worlds.Device, ...] = AIRS) -> Stage:
    who = worlds.roster(devices)
    made = worlds.stage("drift")
    made.extend(who)
    made.detector.learn(made.detector.fit(who, worlds.history(who)))
    return made


def feed(straying: list[int], devices: tuple[worlds.Device, ...] = AIRS) -> list[Commit]:
    commits = worlds.minutes(worlds.roster(devices), N)
    for stream in straying:
        usual = np.array([commit.rows.values[stream] for commit in commits])
        commits = worlds.with_values(commits, stream, 0, (usual + RAMP).tolist())
    return commits


def raised(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.state is FindingState.RAISED]


def test_who_strays_from_its_neighbours_is_told_and_kept_from_the_others() -> None:
    made = stage()
    assert isinstance(made, GuardStage)
    found: list[Finding] = []
    unfit: list[list[int]] = []
    for commit in feed([2]):
        found += made.score(commit.rows, commit.now)
        unfit.append(commit.rows.streams[made.detector.unfit(commit.rows)].tolist())
    (only,) = raised(found)
    assert (only.key, only.rule) == ("drift:13", "drift")
    assert only.value is not None
    assert only.expected_high is not None
    assert only.value > only.expected_high
    minute = round((only.at.timestamp() * 1e6 - START) / worlds.MINUTE)
    assert 60 < minute < 240
    assert not any(unfit[: minute - 1])
    assert unfit[minute + 10] == [2]


@pytest.mark.parametrize("straying", [range(6), range(4)], ids=["all", "most"])
def test_what_its_neighbours_see_too_is_no_drift(straying: range) -> None:
    found = worlds.flat(worlds.drive(stage(), feed(list(straying))))
    assert not {f"drift:{11 + stream}" for stream in straying} & {f.key for f in raised(found)}


def test_without_neighbours_nothing_is_said() -> None:
    alone = AIRS[:2]
    assert raised(worlds.flat(worlds.drive(stage(alone), feed([0], alone)))) == []


@pytest.mark.parametrize(("dark", "told"), [([2], {"drift:13"}), ([2, 3], set())], ids=["one", "both"])
def test_nothing_is_drift_where_the_rest_of_the_device_goes_on(
    dark: list[int], told: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feeder without power or voltage is out; one with either has a bad sensor."""
    monkeypatch.setitem(worlds._USUAL, "voltage_v", 220.0)
    feeders = tuple(worlds.device(f"feeder-{i}", "feeder", "active_power_kw", "voltage_v") for i in range(6))
    commits = worlds.minutes(worlds.roster(feeders), N)
    for stream in dark:
        commits = worlds.with_values(commits, stream, 0, [0.0] * N)
    assert {f.key for f in raised(worlds.flat(worlds.drive(stage(feeders), commits)))} == told
