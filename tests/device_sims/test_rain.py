"""Storms: bell-shaped, moving, as often and as much as the climate says."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from device_sims.moments import moments
from device_sims.rain import Cell, Weather, rain_mmph
from device_sims.tables import numbers
from telemetry.city import City

CELL = Cell(0.0, 3600.0, 10.8, 106.7, 0.0, 10.0 / 3600.0, 2.0, 80.0)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def test_a_cell_lives_moves_and_dies() -> None:
    seconds = np.array([-1.0, 1300.0, 3601.0])
    lat, lon = np.full(3, 10.8), 106.7 + np.array([0.0, 10 * 1300 / 3600, 20.0]) / 109.2
    got = rain_mmph([CELL], lat, lon, seconds)
    assert got[0].tolist() == got[2].tolist() == [0.0, 0.0, 0.0]
    assert got[1, 1] == pytest.approx(80.0, rel=0.02)
    assert got[1, 1] > got[1, 0] > got[1, 2] == 0.0


def test_rain_does_not_depend_on_the_instants_asked_with_it() -> None:
    seconds = np.arange(0, 3600, 60.0)
    lat, lon = np.array([10.8, 10.81]), np.array([106.7, 106.72])
    whole = rain_mmph([CELL], lat, lon, seconds)
    assert np.array_equal(whole[7:8], rain_mmph([CELL], lat, lon, seconds[7:8]))


def test_the_year_rains_as_the_climate_says(city: City) -> None:
    """Means over two years at seven places in the core: the sum within a quarter, wet and dry told apart."""
    weather = Weather(city, 7, ZONE, lambda start_s, end_s: [])
    lat, lon = np.linspace(10.72, 10.87, 7), np.linspace(106.62, 106.76, 7)
    month_mm, hours = np.zeros(12), np.zeros(24)
    for day in range(20_454, 20_454 + 730):
        seconds = day * 86_400 - 7 * 3600 + np.arange(0, 86_400, 600.0)
        rain = rain_mmph(weather.cells(float(seconds[0]), float(seconds[-1])), lat, lon, seconds)
        at = moments((seconds * 1e6).astype(np.int64), ZONE)
        month = int(np.datetime64(day, "D").astype("datetime64[M]").astype(int)) % 12
        month_mm[month] += rain.mean(axis=1).sum() / 6 / 2
        np.add.at(hours, at.hour.astype(int), rain.sum(axis=1))
    expected = numbers(city, "climate", "rain_mm")
    assert month_mm.sum() == pytest.approx(expected.sum(), rel=0.25)
    assert np.corrcoef(month_mm, expected)[0, 1] > 0.9
    assert hours[14:21].sum() > 0.8 * hours.sum()
