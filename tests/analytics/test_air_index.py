"""VN_AQI as a detector: the decision's worked example, missing hours, and how an alert eases."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.roster import Roster, Rows
from analytics.stages import Stage
from analytics.times import HOUR
from telemetry.alerts import Finding, FindingState, Severity
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, MONDAY

EXAMPLE = [26.9, 24.7, 20.5, 23.5, 19.5, 16.5, 19.0, 16.5, 20.3, 22.4, 19.6, 20.6]
"""Hourly PM2.5 of the example in Decision 1459/QĐ-TCMT, oldest first: a NowCast of 20.3."""
STATION = worlds.device("air-9", "air_station", "pm2_5", "no2", "o3", interval_s=300.0)
PM, NO2, O3 = range(3)


def roster() -> Roster:
    return worlds.roster((STATION,))


def hours(means: dict[int, list[float]], skip: tuple[int, ...] = ()) -> list[Rows]:
    """Readings each five minutes, by stream the means of the hours from `MONDAY`; NaN for silence."""
    feed: list[Rows] = []
    for step in range(max(map(len, means.values())) * 12):
        here = [(stream, values[step // 12]) for stream, values in means.items() if step // 12 < len(values)]
        here = [(stream, value) for stream, value in here if np.isfinite(value) and step % 12 not in skip]
        if here:
            time = MONDAY + step * 5 * MINUTE
            streams, values = zip(*here, strict=True)
            feed.append(Rows(np.array(streams), np.full(len(here), time), np.array(values, float)))
    return feed


def run(feed: list[Rows], **params: object) -> list[Finding]:
    made: Stage = worlds.stage("vn_aqi", **params)
    made.extend(roster())
    return [finding for rows in feed for finding in made.score(rows, int(rows.times[0]))]


def test_the_official_example() -> None:
    means = {PM: [*EXAMPLE, 20.0], NO2: [118.7] * 13, O3: [136.1] * 13}
    made = worlds.stage("vn_aqi")
    made.extend(roster())
    scores = [part for rows in hours(means) for part in made.detector.score(rows, 0)]
    newest = scores[-1]
    assert newest.times[0] == MONDAY + 12 * HOUR + 120 * 1_000_000
    facts = {name: column[0] for name, column in newest.facts.items()}
    # The example prints 60 for NO2, where its own formula gives 59.35.
    assert (facts["index"], facts["category"], facts["dominant"]) == (59.0, "moderate", "no2")
    assert (facts["part_o3"], facts["part_pm2_5"], facts["part_no2"]) == (43.0, 41.0, 59.0)
    assert np.isnan(facts["part_so2"])


def test_severity_follows_the_category_up_and_down() -> None:
    found = run(hours({PM: [100.0] * 4 + [400.0] * 3 + [20.0] * 6}))
    story = [(finding.state, finding.severity) for finding in found]
    assert story[0] == (FindingState.RAISED, Severity.MINOR)
    severities = [severity for _, severity in story]
    assert max(severities, key=lambda s: s.rank) is Severity.CRITICAL
    assert severities[-2].rank < Severity.CRITICAL.rank
    assert story[-1][0] is FindingState.CLEARED
    assert {finding.key for finding in found} == {"vn_aqi:air-9"}
    assert found[0].value == pytest.approx(100.0)
    assert found[0].detail["dominant"] == "pm2_5"


def test_one_alarm_an_hour_not_one_a_reading() -> None:
    found = run(hours({PM: [100.0] * 8}))
    assert len(found) <= 8
    assert {finding.at.minute for finding in found} == {2}


NAN = float("nan")


@pytest.mark.parametrize(
    ("means", "skip", "heard"),
    [
        ([20.0, NAN, NAN, 400.0, 20.0], (), False),
        ([20.0, 20.0, NAN, 400.0, 20.0], (), True),
        ([400.0, 400.0, 400.0, 20.0], (0, 1, 2, 3), False),
        ([400.0, 400.0, 400.0, 20.0], (0, 1, 2), True),
    ],
    ids=["one hour of three", "two hours of three", "two thirds of each hour", "three quarters of each hour"],
)
def test_what_an_index_needs(means: list[float], skip: tuple[int, ...], heard: bool) -> None:
    found = run(hours({PM: means}, skip))
    assert bool(found) is heard


def test_without_particles_there_is_no_index() -> None:
    assert run(hours({NO2: [2_000.0] * 6})) == []


def test_a_category_may_have_to_last() -> None:
    smoke = {PM: [20.0] * 3 + [300.0] + [20.0] * 8}
    assert run(hours(smoke), bad="minor") != []
    assert run(hours(smoke), least_hours=6) == []
