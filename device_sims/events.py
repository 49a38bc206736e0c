"""Real events in the city: how one is made, and on which streams it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from device_sims import kinds
from device_sims.rain import KM_PER_DEGREE
from device_sims.traffic import queue_share
from device_sims.truth import ACCIDENT, FLOOD, OUTAGE, POLLUTION, Truth, moment
from telemetry.devices import Device
from telemetry.metrics import Domain

_POLLUTED_STATIONS = 4
_ACCIDENT_TRIES = 3
_POWER = ("active_power_kw", "voltage_v", "current_a")


@dataclass(frozen=True, slots=True)
class Places:
    """The devices that events can happen to."""

    detectors: tuple[Device, ...]
    low_streets: tuple[Device, ...]
    rain_gauges: tuple[Device, ...]
    air: tuple[Device, ...]
    feeders: tuple[Device, ...]
    supplied: tuple[Device, ...]

    @classmethod
    def of(cls, devices: Sequence[Device]) -> Places:
        """Sort ``devices`` out by what can happen to them."""
        supplied = _of_kind(devices, *kinds.SUPPLIED)
        fed = {device.tags.get("feeder") for device in supplied}
        return cls(
            detectors=tuple(
                d for d in _of_kind(devices, *kinds.TRAFFIC) if "km" in d.tags and "dir" in d.tags
            ),
            low_streets=tuple(
                d for d in _of_kind(devices, kinds.FLOOD_GAUGE) if d.tags.get("cause") != "tide"
            ),
            rain_gauges=_of_kind(devices, kinds.RAIN_GAUGE),
            air=_of_kind(devices, kinds.AIR_STATION),
            feeders=tuple(d for d in _of_kind(devices, kinds.FEEDER) if d.device_id in fed),
            supplied=supplied,
        )


def _of_kind(devices: Sequence[Device], *wanted: str) -> tuple[Device, ...]:
    return tuple(device for device in devices if device.kind in wanted)


def accident(places: Places, chance: np.random.Generator, start_s: float, duration_s: float) -> Truth | None:
    """A crash just ahead of a detector: behind it the traffic all but stands."""
    if not places.detectors:
        return None
    # One of a few places, where the queue passes most detectors.
    tries = [_crash(places, int(chance.integers(len(places.detectors)))) for _ in range(_ACCIDENT_TRIES)]
    road, direction, km, hit = max(tries, key=lambda found: len(found[3]))
    params: dict[str, float | str] = {"road": road, "dir": direction, "km": round(km, 2), "loss": 0.9}
    metrics = ("speed_kmh", "flow_vph", "occupancy_pct")
    return Truth(
        ACCIDENT, Domain.TRAFFIC, hit, metrics, moment(start_s), moment(start_s + duration_s), params
    )


def _crash(places: Places, number: int) -> tuple[str, str, float, tuple[str, ...]]:
    at = places.detectors[number].tags
    road, direction = at["road"], at["dir"]
    km = float(at["km"]) + (0.1 if direction == "b" else -0.1)
    hit = tuple(d.device_id for d in places.detectors if queue_share(d, road, direction, km) > 0)
    return road, direction, km, hit


def outage(places: Places, chance: np.random.Generator, start_s: float, duration_s: float) -> Truth | None:
    """A feeder trips, and what hangs on it goes dark."""
    if not places.feeders:
        return None
    feeder = places.feeders[int(chance.integers(len(places.feeders)))].device_id
    dark = tuple(device.device_id for device in places.supplied if device.tags.get("feeder") == feeder)
    start, end = moment(start_s), moment(start_s + duration_s)
    return Truth(OUTAGE, Domain.ENERGY, (feeder, *dark), _POWER, start, end, {"feeder": feeder})


def pollution(places: Places, chance: np.random.Generator, start_s: float, duration_s: float) -> Truth | None:
    """Smoke over an air station and its neighbours; the sizes are µg/m³ added at its heart."""
    if not places.air:
        return None
    heart = places.air[int(chance.integers(len(places.air)))]
    near = sorted(places.air, key=lambda station: _distance_km(station, heart.lat, heart.lon))
    size = float(chance.uniform(0.85, 1.3))
    params: dict[str, float | str] = {
        "pm2_5": round(150.0 * size, 1),
        "no2": round(170.0 * size, 1),
        "so2": round(60.0 * size, 1),
        "co": round(7_000.0 * size, 1),
    }
    hit = tuple(station.device_id for station in near[:_POLLUTED_STATIONS])
    metrics = ("pm2_5", "pm10", "no2", "so2", "co")
    return Truth(
        POLLUTION, Domain.ENVIRONMENT, hit, metrics, moment(start_s), moment(start_s + duration_s), params
    )


def flood(places: Places, chance: np.random.Generator, start_s: float, duration_s: float) -> Truth | None:
    """A slow, heavy storm cell that passes over a low street at the middle of its life."""
    if not places.low_streets:
        return None
    street = places.low_streets[int(chance.integers(len(places.low_streets)))]
    angle, speed_kmh = chance.uniform(0.0, 2 * np.pi), chance.uniform(0.8, 2.5)
    north_kmh, east_kmh = float(speed_kmh * np.cos(angle)), float(speed_kmh * np.sin(angle))
    half_h = duration_s / 7200.0
    shrink = KM_PER_DEGREE * float(np.cos(np.radians(street.lat)))
    radius_km = float(chance.uniform(2.6, 3.6))
    params: dict[str, float | str] = {
        "lat": round(street.lat - north_kmh * half_h / KM_PER_DEGREE, 5),
        "lon": round(street.lon - east_kmh * half_h / shrink, 5),
        "north_kmh": round(north_kmh, 3),
        "east_kmh": round(east_kmh, 3),
        "radius_km": round(radius_km, 2),
        "peak_mmph": round(float(chance.uniform(100.0, 130.0)), 1),
    }
    wet = (*places.low_streets, *places.rain_gauges)
    hit = tuple(d.device_id for d in wet if _distance_km(d, street.lat, street.lon) < radius_km)
    metrics = ("water_level_m", "rain_mmph")
    return Truth(FLOOD, Domain.DRAINAGE, hit, metrics, moment(start_s), moment(start_s + duration_s), params)


def _distance_km(device: Device, lat: float, lon: float) -> float:
    shrink = float(np.cos(np.radians(lat)))
    return KM_PER_DEGREE * float(np.hypot(device.lat - lat, (device.lon - lon) * shrink))
