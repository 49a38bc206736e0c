"""Street water: rises in a storm, falls after it, and stands longer at high tide."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from device_sims import kinds
from device_sims.groups import Group, group, layout
from device_sims.hydrology import Hydrology, Points
from device_sims.moments import moments
from device_sims.rain import Weather
from device_sims.tables import Floats
from device_sims.truth import FLOOD, Truth, moment
from telemetry.city import City
from telemetry.metrics import Domain
from telemetry.tide import Station
from tests.device_sims.times import every, second

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NO_POINTS = Points(np.array([10.8]), np.array([106.7]), np.array([3600.0]))
DRY_DAY = "2026-02-10"


def storm(street_lat: float, street_lon: float, peak_mmph: float) -> Truth:
    start_s = second(f"{DRY_DAY} 15:00")
    params = {"lat": street_lat, "lon": street_lon, "north_kmh": 0.0, "east_kmh": 0.0, "radius_km": 3.0}
    return Truth(
        FLOOD,
        Domain.DRAINAGE,
        (),
        (),
        moment(start_s),
        moment(start_s + 3600),
        params | {"peak_mmph": peak_mmph},
    )


def water(city: City, peak_mmph: float, tide_m: float | None = None) -> tuple[Group, Floats, Floats]:
    streets = group(7, city.devices, layout(city.devices), lambda d: d.kind == kinds.FLOOD_GAUGE)
    truth = storm(float(streets.lat[0]), float(streets.lon[0]), peak_mmph)

    def events(start_s: float, end_s: float) -> Sequence[Truth]:
        return [truth]

    outfall = None if tide_m is None else Station(tide_m, {}, {})
    hydrology = Hydrology(city, Weather(city, 7, ZONE, events), ZONE, NO_POINTS, streets, outfall)
    at = moments(every(f"{DRY_DAY} 12:00", 12, 60), ZONE)
    return streets, hydrology.depth_m(at), hydrology.wet_mm(at)


def test_a_cloudburst_floods_and_drains_away(city: City) -> None:
    _, depth, _ = water(city, 110.0)
    first = depth[:, 0]
    assert first[:180].max() == 0.0
    assert 0.15 < first.max() < 0.8
    assert 180 < np.argmax(first) < 250
    assert first[-1] < 0.02


def test_the_sewer_swallows_a_shower(city: City) -> None:
    _, depth, _ = water(city, 20.0)
    assert depth[:, 0].max() == 0.0


def test_the_tide_holds_rain_water_back_and_comes_up_itself(city: City) -> None:
    streets, low, _ = water(city, 80.0, tide_m=0.2)
    _, high, _ = water(city, 80.0, tide_m=1.60)
    tidal = streets.where(lambda device: device.tags["cause"] in ("tide", "both"))
    assert high[-1, tidal].max() > 0.05
    assert low[-1, tidal].max() < 0.02
    assert high[-1, ~tidal].max() < 0.02


def test_the_ground_remembers_rain_for_its_time(city: City) -> None:
    at = moments(np.array([0], dtype=np.int64), ZONE)
    assert len(at) == 1
    streets, _, wet = water(city, 110.0)
    near = abs(float(streets.lat[0]) - 10.8) < 0.03 and abs(float(streets.lon[0]) - 106.7) < 0.03
    peak = int(np.argmax(wet[:, 0]))
    if near:
        assert wet[peak, 0] > 5
    assert wet[min(peak + 60, 719), 0] == pytest.approx(wet[peak, 0] * np.exp(-1), rel=0.15, abs=1e-6)


def test_midnight_leaves_no_seam(city: City) -> None:
    streets = group(7, city.devices, layout(city.devices), lambda d: d.kind == kinds.FLOOD_GAUGE)
    begin_s = second("2026-09-10 23:00")
    params = {"lat": float(streets.lat[0]), "lon": float(streets.lon[0]), "north_kmh": 0.0, "east_kmh": 0.0}
    size = {"radius_km": 3.0, "peak_mmph": 110.0}
    truth = Truth(FLOOD, Domain.DRAINAGE, (), (), moment(begin_s), moment(begin_s + 4500), params | size)
    hydrology = Hydrology(city, Weather(city, 7, ZONE, lambda a, b: [truth]), ZONE, NO_POINTS, streets, None)
    depth = hydrology.depth_m(moments(every("2026-09-10 23:50", 0.34, 30), ZONE))[:, 0]
    assert depth.max() > 0.1
    assert np.abs(np.diff(depth)).max() < 0.01
