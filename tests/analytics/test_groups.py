"""Sensors that belong together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics.blocks import join
from analytics.detectors.groups import ties
from analytics.roster import Roster, Rows
from analytics.stages import Stage
from analytics.ties import parts
from analytics.times import DAY, HOUR, SECOND
from telemetry.alerts import Finding, FindingState
from telemetry.detection import DetectorSpec
from telemetry.devices import Device
from telemetry.errors import ConfigError
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, START, Commit

STEP = 5 * MINUTE
POWER, CURRENT, OTHER = range(3)
LEVEL = (400.0, 60.0, 380.0)
FEEDERS = (
    worlds.device("feeder-1", "feeder", "active_power_kw", "current_a", substation="west"),
    worlds.device("feeder-2", "feeder", "active_power_kw", interval_s=300.0, substation="west"),
    worlds.device("feeder-3", "feeder", "active_power_kw"),
)
BY_SUBSTATION = {"group_by": ["tag:substation"], "levels": [{"severity": "minor", "score": 5.0}]}


def usual(times: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Three streams with a common load, shape ``(t, 3)``."""
    rng = np.random.default_rng(seed)
    common = 0.04 * rng.normal(size=4096)[(times // STEP) % 4096][:, None]
    swing = 1.0 + 0.2 * np.sin(2 * np.pi * (times % DAY) / DAY)[:, None]
    return np.array(LEVEL) * (swing + common + 0.01 * rng.normal(size=(len(times), 3)))


def past(days: float = 7.0) -> Rows:
    times = np.arange(START - round(days * DAY), START, STEP)
    return Rows(np.repeat(np.arange(3), len(times)), np.tile(times, 3), usual(times, 1).T.ravel())


def learnt(devices: Sequence[Device] = FEEDERS, **params: object) -> Stage:
    roster = worlds.roster(devices)
    stage = worlds.stage("groups", **{**BY_SUBSTATION, **params})
    stage.extend(roster)
    stage.detector.learn(stage.detector.fit(roster, past()))
    return stage


def feed(hours: float, spoil: NDArray[np.float64] | None = None) -> list[Commit]:
    """Each stream each minute; feeder-2 every fifth."""
    times = START + MINUTE * np.arange(1, round(hours * 60))
    values = usual(times, 2) if spoil is None else usual(times, 2) * spoil[: len(times)]
    found: list[Commit] = []
    for time, row in zip(times.tolist(), values, strict=True):
        who = np.arange(3) if time % STEP == 0 else np.arange(2)
        found.append(Commit(Rows(who, np.full(len(who), time), row[who]), time + SECOND))
    return found


def spoilt(hours: float, stream: int, first_h: float, last_h: float, factor: float) -> NDArray[np.float64]:
    spoil = np.ones((round(hours * 60), 3))
    spoil[round(first_h * 60) : round(last_h * 60), stream] = factor
    return spoil


def run(stage: Stage, commits: Sequence[Commit]) -> list[Finding]:
    return worlds.flat(worlds.drive(stage, commits))


def test_a_usual_day_is_quiet() -> None:
    assert run(learnt(), feed(24)) == []


@pytest.mark.parametrize(
    ("stream", "device", "metric", "stream_id"),
    [(CURRENT, "feeder-1", "current_a", 12), (OTHER, "feeder-2", "active_power_kw", 13)],
    ids=["fast", "slow"],
)
def test_who_gives_most_is_named(stream: int, device: str, metric: str, stream_id: int) -> None:
    found = run(learnt(), feed(4, spoilt(4, stream, 1, 2, 0.6)))
    assert (found[0].state, found[-1].state) == (FindingState.RAISED, FindingState.CLEARED)
    first = found[0]
    assert (first.key, first.stream_id) == ("groups:substation=west", stream_id)
    assert first.detail["group"] == "substation=west"
    most = first.detail["contributions"][0]
    assert (most["device_id"], most["metric"]) == (device, metric)
    assert most["share"] > 0.5
    assert most["value"] < most["expected_low"] < most["expected_high"]
    assert first.detail["members_heard"] == 3
    assert first.at.timestamp() * 1e6 <= START + HOUR + 4 * STEP


def test_who_is_in_no_group_is_left_alone() -> None:
    spoil = np.ones((240, 4))
    assert not [f for f in run(learnt(), feed(4, spoil[:, :3])) if "feeder-3" in str(f.detail)]
    assert ties(DetectorSpec("g", "groups", params=BY_SUBSTATION), FEEDERS) == [["feeder-1", "feeder-2"]]


def test_water_is_in_no_group_unless_it_is_said_how_much_of_it_is_usual() -> None:
    canals = [worlds.device("canal-1", "canal_level", "water_level_m", "flow_m3s")]
    floors = {"water_level_m": {"least": 0.03}, "flow_m3s": {"least": 0.3}}
    assert ties(DetectorSpec("g", "groups"), canals) == []
    assert ties(DetectorSpec("g", "groups", params={"floors": floors}), canals) == [["canal-1"]]


def test_silent_members_are_done_without() -> None:
    commits = [
        Commit(c.rows.take(c.rows.streams != POWER), c.now) for c in feed(4, spoilt(4, CURRENT, 1, 2, 0.6))
    ]
    found = run(learnt(), commits)
    assert found[0].detail["members_heard"] == 2
    assert found[0].detail["contributions"][0]["metric"] == "current_a"
    alone = [Commit(c.rows.take(c.rows.streams == CURRENT), c.now) for c in commits]
    assert run(learnt(), alone) == [], "one of three is no group"


def test_the_baseline_is_frozen_while_it_is_strange() -> None:
    """Ten hours off are strange to the end, and the usual is not strange after them."""
    commits = feed(16, spoilt(16, CURRENT, 1, 11, 0.6))
    found = run(learnt(level_s=3600.0), commits)
    assert found[-1].state is FindingState.CLEARED
    assert START + 11 * HOUR < found[-1].at.timestamp() * 1e6 < START + 12.5 * HOUR
    assert [f.state for f in found].count(FindingState.RAISED) == 1
    thawed = run(learnt(level_s=3600.0, frozen_s=0.0), commits)
    assert [f.state for f in thawed].count(FindingState.RAISED) > 1


def test_late_readings_wait_for_no_one() -> None:
    """A reading that comes before its step is over counts, though the next step runs."""
    plain = feed(3, spoilt(3, CURRENT, 1, 2, 0.6))
    late = [plain[0]]
    for before, commit in pairwise(plain):
        rows = commit.rows.take(commit.rows.streams != CURRENT)
        held = before.rows.take(before.rows.streams == CURRENT)
        late.append(Commit(join([rows, held]), commit.now))
    found = run(learnt(wait_s=90.0), late)
    assert found
    assert found == run(learnt(wait_s=90.0), plain)


def test_what_is_learnt_together_is_read_together() -> None:
    spec = DetectorSpec("g", "groups", params={"group_by": ["tag:road"]})
    devices = [
        worlds.device(f"road-{i}", "traffic_detector", "speed_kmh", road="abc"[i % 3]) for i in range(12)
    ]
    roster: Roster = worlds.roster(devices)
    found = [places.tolist() for places in parts([spec], roster, 5)]
    assert found == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]
    assert [len(places) for places in parts([], roster, 5)] == [5, 5, 2]


def test_a_group_read_in_two_parts_has_the_larger_ones_model() -> None:
    roster, rows = worlds.roster(FEEDERS), past()
    stage = worlds.stage("groups", group_by=["domain"])
    stage.extend(roster)
    part = rows.take(rows.streams < 2)
    stage.detector.learn(stage.detector.fit(roster, part))
    assert stage.detector.models()["size"].tolist() == [2]
    stage.detector.learn(stage.detector.fit(roster, rows))
    assert stage.detector.models()["size"].tolist() == [3]


@pytest.mark.parametrize("group_by", [["road"], ["tag:"], []], ids=["no attribute", "no tag", "nothing"])
def test_what_makes_no_group_is_refused(group_by: list[str]) -> None:
    with pytest.raises(ConfigError, match="group_by"):
        DetectorSpec("g", "groups", params={"group_by": group_by}).parameters()
