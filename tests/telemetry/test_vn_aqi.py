"""VN_AQI against the worked examples of Decision 1459/QĐ-TCMT."""

from __future__ import annotations

import math

import pytest

from telemetry.vn_aqi import (
    BREAKPOINTS,
    INDEX_STEPS,
    AirCategory,
    category,
    combine,
    hourly_index,
    nowcast,
    sub_index,
)

HOURS = [26.9, 24.7, 20.5, 23.5, 19.5, 16.5, 19.0, 16.5, 20.3, 22.4, 19.6, 20.6]
"""The example's hourly PM2.5 in the order of time."""
NEWEST_FIRST = HOURS[::-1]


def test_official_nowcast():
    assert nowcast(NEWEST_FIRST) == pytest.approx(20.3, abs=0.05)


def test_official_hourly_index():
    index = combine({"o3": 136.1, "no2": 118.7, "pm2_5": 20.3})
    assert index is not None
    # The example prints 60 for NO2, where its own formula gives 59.35.
    assert index.parts == {"o3": 43, "no2": 59, "pm2_5": 41}
    assert (index.dominant, index.category) == ("no2", AirCategory.MODERATE)


def test_official_daily_index():
    index = combine({"o3_8h": 89.3, "o3": 114.6, "no2": 130.8, "pm2_5": 55.7})
    assert index is not None
    assert index.parts == {"o3_8h": 45, "o3": 36, "no2": 65, "pm2_5": 110}
    assert (index.value, index.dominant, index.category) == (110, "pm2_5", AirCategory.POOR)


@pytest.mark.parametrize("pollutant", BREAKPOINTS)
def test_breakpoints_rise_and_give_their_index(pollutant: str):
    points = BREAKPOINTS[pollutant]
    assert list(points) == sorted(set(points))
    got = [sub_index(pollutant, point) for point in points]
    assert got == pytest.approx(INDEX_STEPS[: len(points)])


def test_beyond_the_table():
    assert sub_index("pm2_5", 900.0) == 500
    assert math.isnan(sub_index("o3_8h", 401.0))
    assert math.isnan(sub_index("pm10", math.nan))


def test_nowcast_needs_two_of_the_newest_three():
    nan = math.nan
    assert math.isnan(nowcast([20.0, nan, nan, 20.0, 20.0]))
    assert nowcast([20.0, nan, 20.0]) == pytest.approx(20.0)
    assert math.isnan(nowcast([]))


def test_nowcast_at_the_least_weight_is_not_divided():
    assert nowcast([100.0, 10.0]) == pytest.approx(52.5)
    assert nowcast([0.0, 0.0, 0.0]) == 0.0


def test_no_index_without_particles():
    assert combine({"no2": 100.0}) is None
    assert hourly_index({"no2": [80.0], "pm2_5": [math.nan] * 12}) is None


def test_hourly_index_takes_gases_of_the_newest_hour():
    index = hourly_index({"pm2_5": NEWEST_FIRST, "no2": [118.7, 900.0]})
    assert index is not None
    assert (index.value, index.dominant) == (59, "no2")


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (0, "good"),
        (50, "good"),
        (51, "moderate"),
        (150, "poor"),
        (200, "bad"),
        (300, "very_bad"),
        (500, "hazardous"),
    ],
)
def test_categories(index: int, expected: str):
    assert category(index) == expected
