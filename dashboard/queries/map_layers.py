"""What the map shows by domain: speed by stretch of road, water level, load; air has its own query.

A *ladder* is a list of classes by rising value; a *gauge* puts one stream on a ladder after
dividing its value by ``nominal``: the free speed, the rating, or 1. All limits are here and in
the city's profile; the scripts only compare. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from dashboard.languages import mark
from dashboard.queries.segments import Point, cut_segments, road_lines
from dashboard.queries.traffic import LEVELS, SPEED, free_kmh
from telemetry.alerts import Severity
from telemetry.city import City, Threshold
from telemetry.devices import Device, Stream
from telemetry.metrics import Domain

Inventory = Sequence[tuple[Device, Sequence[Stream]]]
LayerKey = Literal["traffic", "water", "air", "load"]

WATER: Final = "water_level_m"
_LEAST: Final = dict(LEVELS)
_SHADES: Final = {
    Severity.INFO: "fair",
    Severity.MINOR: "minor",
    Severity.MAJOR: "major",
    Severity.CRITICAL: "critical",
}
_ALARMS: Final = {Severity.MINOR: "I", Severity.MAJOR: "II", Severity.CRITICAL: "III"}
_WARNINGS: Final = {Severity.MINOR: "!", Severity.MAJOR: "!!", Severity.CRITICAL: "!!!"}


@dataclass(frozen=True, slots=True)
class Step:
    """A class: from which value on, its shade, a sign for those who do not see it, its name.

    ``at`` is -inf for the lowest. A name is a pair (vi, en) or a message of the catalogues.
    """

    at: float
    shade: str
    sign: str
    name: str | tuple[str, str]


SPEED_STEPS: Final = (
    Step(-math.inf, "critical", "F", mark("Jammed (F)")),
    Step(_LEAST["E"], "major", "E", mark("Queuing (E)")),
    Step(_LEAST["D"], "minor", "D", mark("Slow (D)")),
    Step(_LEAST["C"], "fair", "C", mark("Slowed (C)")),
    Step(_LEAST["B"], "ok", "", mark("Free-flowing (A–B)")),
)
"""Share of the free speed, by level of service (HCM 2010, urban streets)."""

LOAD_STEPS: Final = (
    Step(-math.inf, "ok", "", mark("Under 60 %")),
    Step(0.6, "fair", "", mark("From 60 %")),
    Step(0.8, "minor", "", mark("From 80 %")),
    Step(0.9, "major", "!", mark("90–100 %: near full load")),
    Step(1.0, "critical", "!!", mark("Overloaded")),
)
"""Share of the rating; warning and overload as in the profile's thresholds, the rest is ours."""

_FIRST: Final = ("tide_gauge", "flood_gauge", "feeder", "substation")
"""Kinds whose badges have room before others of their class."""
AIR_SHADES: Final = ("good", "moderate", "poor", "bad", "very_bad", "hazardous")


@dataclass(frozen=True, slots=True)
class Gauge:
    """A stream on a ladder; ``points`` is its stretch of road, empty for a spot."""

    device_id: str
    stream_id: int
    ladder: str
    nominal: float
    points: tuple[Point, ...] = ()
    sided: bool = False


@dataclass(frozen=True, slots=True)
class MapLayers:
    """Ladders by key, and gauges by layer."""

    ladders: Mapping[str, Sequence[Step]]
    gauges: Mapping[LayerKey, Sequence[Gauge]]


def map_layers(city: City, inventory: Inventory) -> MapLayers:
    """Every layer of a city; in each, what matters most to its desk comes first."""
    ladders: dict[str, Sequence[Step]] = {"speed": SPEED_STEPS, "load": LOAD_STEPS}
    inventory = sorted(inventory, key=lambda item: (_first(item[0]), item[0].device_id))
    water = list(_water(city, inventory, ladders))
    air = [
        Gauge(device.device_id, stream_id, "", 1.0)
        for device, streams in inventory
        if device.domain is Domain.ENVIRONMENT
        and (stream_id := _stream(streams, "pm2_5") or _stream(streams, "pm10"))
    ]
    return MapLayers(
        ladders,
        {
            "traffic": _traffic(city, inventory),
            "water": water,
            "air": air,
            "load": list(_load(inventory)),
        },
    )


def rated(device: Device) -> tuple[str, float] | None:
    """The metric whose share of the rating is a device's load, and that rating."""
    tags = device.tags
    try:
        if "rated_a" in tags:
            return "current_a", float(tags["rated_a"])
        if "kva" in tags:
            return "current_a", float(tags["kva"]) * 1000 / (math.sqrt(3) * float(tags["nominal_v"]))
        if "rated_kw" in tags:
            return "active_power_kw", float(tags["rated_kw"])
    except (KeyError, ValueError, ZeroDivisionError):
        return None
    return None


def water_steps(city: City, device: Device) -> tuple[Step, ...]:
    """A gauge's classes: its instant upper limits, with the alarm levels' numerals where it has them."""
    signs = _ALARMS if device.device_id in city.alarm_levels else _WARNINGS
    limits = [limit for limit in city.thresholds if _rises(limit, device)]
    steps = [
        Step(
            limit.limit,
            _SHADES[limit.severity],
            signs.get(limit.severity, ""),
            (limit.name_vi, limit.name_en),
        )
        for limit in sorted(limits, key=lambda limit: limit.limit)
    ]
    lowest = mark("Below every limit") if steps else mark("No limit is set here")
    return (Step(-math.inf, "water", "", lowest), *steps)


def _first(device: Device) -> int:
    return _FIRST.index(device.kind) if device.kind in _FIRST else len(_FIRST)


def _rises(limit: Threshold, device: Device) -> bool:
    return limit.applies_to(device, WATER) and limit.direction == "high" and limit.averaging_s == 0


def _traffic(city: City, inventory: Inventory) -> list[Gauge]:
    devices = {device.device_id: device for device, _ in inventory if device.domain is Domain.TRAFFIC}
    speeds = {device.device_id: _stream(streams, SPEED) for device, streams in inventory}
    stretches = {s.device_id: s for s in cut_segments(road_lines(city), list(devices.values()))}
    found: list[Gauge] = []
    for device_id, device in devices.items():
        stream_id, stretch = speeds[device_id], stretches.get(device_id)
        if stream_id and stretch:
            free = free_kmh(device, city)
            found.append(Gauge(device_id, stream_id, "speed", free, stretch.points, stretch.sided))
    return found


def _water(city: City, inventory: Inventory, ladders: dict[str, Sequence[Step]]) -> Iterable[Gauge]:
    for device, streams in inventory:
        stream_id = _stream(streams, WATER)
        if not stream_id:
            continue
        steps = water_steps(city, device)
        key = next((key for key, known in ladders.items() if known == steps), f"water-{len(ladders)}")
        ladders[key] = steps
        yield Gauge(device.device_id, stream_id, key, 1.0)


def _load(inventory: Inventory) -> Iterable[Gauge]:
    for device, streams in inventory:
        rating = rated(device) if device.domain is Domain.ENERGY else None
        stream_id = _stream(streams, rating[0]) if rating else None
        if rating and stream_id and rating[1] > 0:
            yield Gauge(device.device_id, stream_id, "load", rating[1])


def _stream(streams: Sequence[Stream], metric: str) -> int | None:
    return next((stream.stream_id for stream in streams if stream.metric == metric), None)
