"""Thresholds of the city profile against single readings and trailing means."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.detectors.averages import BUCKETS, TrailingMeans
from analytics.roster import Rows
from analytics.stages import Stage
from analytics.times import SECOND
from telemetry.alerts import FindingState, Severity
from telemetry.city import Threshold
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, START, threshold

GAUGE, ROAD, AIR = 0, 1, 2
RAISED, CLEARED = FindingState.RAISED, FindingState.CLEARED


def stage(*thresholds: Threshold) -> Stage:
    made = worlds.stage("limits", where=worlds.city(thresholds or worlds.LADDER))
    made.extend(worlds.roster())
    return made


def run(made: Stage, stream: int, values: list[float]) -> list[tuple[int, str, str]]:
    """(minute, state, severity) of what is found on one stream."""
    feed = worlds.with_values(worlds.minutes(worlds.roster(), len(values)), stream, 0, values)
    return [
        (minute, str(finding.state), str(finding.severity))
        for minute, found in enumerate(worlds.drive(made, feed))
        for finding in found
    ]


def test_a_finding_says_which_limit_and_where_it_comes_from() -> None:
    feed = worlds.with_values(worlds.minutes(worlds.roster(), 1), GAUGE, 0, [1.52])
    (finding,) = worlds.flat(worlds.drive(stage(), feed))
    assert (finding.key, finding.rule, finding.severity) == (
        "limit:11:tide:high",
        "limit:tide",
        Severity.MAJOR,
    )
    assert (finding.value, finding.expected_low, finding.expected_high) == (1.52, None, 1.5)
    shown = {
        key: finding.detail[key]
        for key in ("threshold", "limit", "source", "confidence", "name_vi", "name_en")
    }
    assert shown == {
        "threshold": "bd2",
        "limit": 1.5,
        "source": "Decision 05/2020/QĐ-TTg",
        "confidence": "V",
        "name_vi": "Báo động 1",
        "name_en": "Alarm level 2",
    }


def test_low_limits() -> None:
    slow = threshold(key="jam", family="jam", metric="speed_kmh", direction="low", limit=10.0, clear=15.0)
    assert run(stage(slow), ROAD, [40, 10, 12, 14.9, 15, 15.1, 40]) == [
        (1, "raised", "minor"),
        (5, "cleared", "minor"),
    ]


def test_families_and_directions_are_apart() -> None:
    high = threshold(key="a", family="speeding", metric="speed_kmh", limit=90.0, clear=90.0)
    low = threshold(key="b", family="speeding", metric="speed_kmh", direction="low", limit=10.0, clear=10.0)
    other = threshold(key="c", family="jam", metric="speed_kmh", direction="low", limit=5.0, clear=5.0)
    feed = worlds.with_values(worlds.minutes(worlds.roster(), 3), ROAD, 0, [95, 4, 40])
    found = worlds.flat(worlds.drive(stage(high, low, other), feed))
    raised = [finding.key for finding in found if finding.state is RAISED]
    ids = (12, 15)
    assert raised[0] == f"limit:{ids[0]}:speeding:high"
    assert set(raised[1:]) == {f"limit:{ids[0]}:speeding:low", f"limit:{ids[0]}:jam:low"}
    assert sum(finding.state is CLEARED for finding in found) == 3


@pytest.mark.parametrize(
    ("changes", "watched"),
    [({"kind": "tide_gauge"}, True), ({"kind": "road"}, False), ({"devices": ("air-1",)}, False),
     ({"devices": ("gauge-1",)}, True), ({"tags": {"river": "x"}}, False)],
    ids=["kind", "other kind", "other device", "device", "tags"],
)  # fmt: skip
def test_only_the_devices_it_names(changes: dict[str, object], watched: bool) -> None:
    found = run(stage(threshold(**changes)), GAUGE, [2.0])
    assert bool(found) is watched


def test_minimum_duration() -> None:
    made = stage(threshold(min_duration_s=180.0))
    assert run(made, GAUGE, [1.5, 1.5, 1.2, 1.5, 1.5, 1.5, 1.5, 1.5]) == [(6, "raised", "minor")]


def test_hourly_mean_needs_three_quarters_of_the_hour() -> None:
    hourly = threshold(key="h", family="air", metric="pm2_5", limit=50.0, clear=45.0, averaging_s=3600.0)
    found = run(stage(hourly), AIR, [80.0] * 60)
    ((minute, state, _),) = found
    assert state == "raised"
    assert 43 <= minute <= 46


def test_hourly_mean_outlives_a_peak_and_warms_from_history() -> None:
    hourly = threshold(key="h", family="air", metric="pm2_5", limit=50.0, clear=45.0, averaging_s=3600.0)
    made = stage(hourly)
    made.detector.warm(worlds.history(worlds.roster()), START)
    found = run(made, AIR, [300.0] * 8 + [25.0] * 70)
    assert (found[0][1], found[-1][1]) == ("raised", "cleared")
    assert found[0][0] <= 8
    assert 60 <= found[-1][0] <= 70


def test_a_dropout_stops_the_mean_rather_than_inventing_it() -> None:
    hourly = threshold(key="h", family="air", metric="pm2_5", limit=50.0, clear=45.0, averaging_s=3600.0)
    who, made = worlds.roster(), stage(hourly)
    made.detector.warm(worlds.history(who), START)
    feed = worlds.minutes(who, 130)
    feed = worlds.without(feed, AIR, 5, 90)
    feed = worlds.with_values(feed, AIR, 90, [200.0] * 40)
    found = worlds.drive(made, feed)
    assert not worlds.flat(found[:128])


def test_means_weigh_time_not_readings() -> None:
    means = TrailingMeans()
    means.add_windows(np.array([1]), np.array([3600.0]), np.array([60.0]))
    one = np.zeros(1, np.int64)
    for minute in range(60):
        means.add(one, np.array([START + minute * MINUTE]), np.array([10.0]))
    for second in range(200):
        means.add(one, np.array([START + 59 * MINUTE + second * SECOND // 10]), np.array([22.0]))
    now = np.array([START + 59 * MINUTE + 30 * SECOND])
    assert means.means(one, now)[0] < 10 + 12 / BUCKETS + 0.01


def test_unwatched_streams_cost_nothing() -> None:
    made = stage(threshold(devices=("nowhere",)))
    rows = Rows(np.array([0, 1]), np.array([START, START]), np.array([9.0, 9.0]))
    assert all(len(scores) == 0 for scores in made.detector.score(rows, START))
