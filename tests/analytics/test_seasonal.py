"""What is usual at a time of the week, and what is far from it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.roster import Roster, Rows
from analytics.seasons import SLOTS, fit_seasons, nan_median
from analytics.stages import Stage
from analytics.times import DAY, day_of_week, to_local
from telemetry.alerts import FindingState, Severity
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, MONDAY, START

GAUGE, ROAD, AIR, FEEDER = range(4)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def stage(who: Roster | None = None, past: Rows | None = None) -> Stage:
    who = who or worlds.roster()
    made = worlds.stage("seasonal")
    made.extend(who)
    made.detector.learn(made.detector.fit(who, worlds.history(who) if past is None else past))
    return made


def test_local_week() -> None:
    times = np.array([MONDAY - 1, MONDAY, MONDAY + 5 * DAY])
    assert day_of_week(to_local(times, ZONE)).tolist() == [6, 0, 5]
    assert (to_local(times, ZONE) % DAY).tolist() == [DAY - 1, 0, 0]


def test_a_change_of_the_clocks_is_followed() -> None:
    times = np.array([1_774_745_999, 1_774_746_000]) * 1_000_000  # 2026-03-29 01:00 UTC
    assert (to_local(times, ZoneInfo("Europe/Berlin")) - times).tolist() == [3_600_000_000, 7_200_000_000]


def test_weekends_have_a_median_of_their_own() -> None:
    who = worlds.roster()
    past = worlds.history(who)
    weekend = day_of_week(to_local(past.times, ZONE)) >= 5
    seasons = fit_seasons(Rows(past.streams, past.times, np.where(weekend, 2.0, 1.0) * past.values), ZONE)
    assert seasons.median.shape == (len(who), 2, SLOTS)
    np.testing.assert_allclose(seasons.median[:, 1] / seasons.median[:, 0], 2.0, rtol=0.05)


def test_a_few_abnormal_hours_do_not_move_what_is_usual() -> None:
    who = worlds.roster()
    past = worlds.history(who)
    bad = (past.times > MONDAY + DAY) & (past.times < MONDAY + DAY + 300 * MINUTE)
    clean, spoilt = (
        fit_seasons(Rows(past.streams, past.times, values), ZONE)
        for values in (past.values, np.where(bad, 900.0, past.values))
    )
    np.testing.assert_allclose(spoilt.median, clean.median, rtol=0.05)
    assert (spoilt.spread < 2.5 * clean.spread).all()


def test_days_never_seen_borrow_from_those_that_were() -> None:
    who = worlds.roster()
    past = worlds.history(who, until=MONDAY + 4 * DAY, days=4)
    seasons = fit_seasons(past, ZONE)
    np.testing.assert_array_equal(seasons.median[:, 0], seasons.median[:, 1])
    assert (seasons.spread[:, 1] > seasons.spread[:, 0]).all()


def test_one_day_is_not_enough() -> None:
    past = worlds.history(worlds.roster(), until=MONDAY + DAY, days=1)
    assert np.isnan(fit_seasons(past, ZONE).median).all()


def test_medians_past_nan() -> None:
    nan = np.nan
    values = np.array([[3, nan, 1, nan], [4, 1, 3, 2], [nan] * 4, [nan, 7, nan, nan]], np.float32)
    np.testing.assert_array_equal(nan_median(values), np.array([2, 2.5, nan, 7], np.float32))


def found(stream: int, values: list[float], n: int = 90) -> list[tuple[FindingState, Severity, int]]:
    feed = worlds.with_values(worlds.minutes(worlds.roster(), n), stream, 10, values)
    return [
        (finding.state, finding.severity, minute)
        for minute, some in enumerate(worlds.drive(stage(), feed))
        for finding in some
    ]


def test_a_lasting_departure_is_raised_once_and_cleared() -> None:
    story = found(AIR, [60.0] * 30)
    states = [state for state, _, _ in story]
    assert (states[0], states[-1]) == (FindingState.RAISED, FindingState.CLEARED)
    assert set(states[1:-1]) <= {FindingState.ONGOING}
    assert 20 <= story[0][2] <= 24
    assert 40 < story[-1][2] < 60


@pytest.mark.parametrize("values", [[900.0], [900.0, 900.0]], ids=["one", "two"])
def test_spikes_are_not_raised(values: list[float]) -> None:
    assert found(AIR, values) == []


def test_only_the_bad_direction_counts() -> None:
    assert found(AIR, [0.0] * 40) == []
    assert found(ROAD, [90.0] * 40) == []
    assert found(ROAD, [5.0] * 40) != []
    assert found(FEEDER, [0.0] * 40) != []


def test_a_finding_says_what_was_expected() -> None:
    feed = worlds.with_values(worlds.minutes(worlds.roster(), 40), ROAD, 10, [5.0] * 30)
    first = worlds.flat(worlds.drive(stage(), feed))[0]
    assert (first.key, first.rule, first.value) == ("seasonal:12", "seasonal", 5.0)
    assert first.expected_high is None
    assert first.expected_low is not None
    assert 20 < first.expected_low < first.detail["expected"] < 60


def test_metrics_without_a_daily_rhythm_are_left_alone() -> None:
    assert found(GAUGE, [9.0] * 40) == []


def test_a_very_quiet_stream_does_not_alarm_at_its_own_noise() -> None:
    who = worlds.roster()
    past = worlds.history(who)
    past = Rows(past.streams, past.times, np.full(len(past), 25.0))
    feed = worlds.with_values(worlds.minutes(who, 60), AIR, 0, [26.0] * 60)
    assert not [f for f in worlds.flat(worlds.drive(stage(who, past), feed)) if f.key == "seasonal:13"]


def test_switching_at_dusk_half_an_hour_off_is_usual() -> None:
    """Street lights follow the sun, and the sun moves."""
    who = worlds.roster()
    past = worlds.history(who)

    def lit(times: np.ndarray, dusk: float) -> np.ndarray:
        hour = (to_local(times, ZONE) % DAY) / (60 * MINUTE)
        return np.where((hour >= dusk) | (hour < 5.5), 50.0, 0.1)

    past = Rows(
        past.streams, past.times, np.where(past.streams == FEEDER, lit(past.times, 18.0), past.values)
    )
    feed = worlds.minutes(who, 12 * 60)
    times = np.array([commit.rows.times[0] for commit in feed])
    feed = worlds.with_values(feed, FEEDER, 0, lit(times, 17.6).tolist())
    assert worlds.flat(worlds.drive(stage(who, past), feed)) == []


def test_seven_quiet_days() -> None:
    """Seven days of noise on 40 streams: nothing is raised."""
    devices = [
        worlds.device(f"d{i}", "x", m)
        for i in range(10)
        for m in ("speed_kmh", "pm2_5", "active_power_kw", "speed_kmh")
    ]
    who = worlds.roster(
        [worlds.device(f"{d.device_id}-{i}", d.kind, d.metrics[0]) for i, d in enumerate(devices)]
    )
    made = stage(who)
    times = START + 5 * MINUTE * np.arange(1, 7 * 288)
    values = worlds.usual(who, times, seed=9)
    everyone = np.arange(len(who))
    for time, row in zip(times.tolist(), values, strict=True):
        rows = Rows(everyone, np.full(len(who), time), row)
        assert made.score(rows, time) == []
