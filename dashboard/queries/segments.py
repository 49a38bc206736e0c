"""Stretches of road: what each traffic device speaks for on the map.

A device stands on the line of its road (tag ``road``); its stretch runs to the middle between it
and the next device of the same direction (tag ``dir``), and never far. Pure.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import msgspec

from telemetry.city import City
from telemetry.devices import Device

REACH_M: Final = 1_500.0
"""No device speaks for more of its road than this, each way."""
LEAST_M: Final = 25.0
"""A shorter stretch is not drawn: another device stands at the same spot."""
_EARTH_M: Final = 111_320.0
"""A degree of latitude."""
_SIDES: Final = {"b": 1, "a": -1}
"""Direction ``b`` runs along the line, ``a`` against it; traffic keeps right."""

Point = tuple[float, float]
"""Longitude and latitude."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of road; ``points`` run the way its traffic does.

    ``sided`` says that it is one direction of two, to be drawn right of the line.
    """

    device_id: str
    points: tuple[Point, ...]
    sided: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A road's line with the distance of each corner from its start, metres."""

    points: tuple[Point, ...]
    along_m: tuple[float, ...]

    def foot(self, lon: float, lat: float) -> tuple[float, float]:
        """Where the line passes nearest to a point (metres from its start), and how far off it is."""
        east, north = _scale(lat)
        best = (math.inf, 0.0)
        for index, ((x0, y0), (x1, y1)) in enumerate(pairwise(self.points)):
            dx, dy = (x1 - x0) * east, (y1 - y0) * north
            px, py = (lon - x0) * east, (lat - y0) * north
            length2 = dx * dx + dy * dy
            share = min(1.0, max(0.0, (px * dx + py * dy) / length2)) if length2 else 0.0
            off = math.hypot(px - share * dx, py - share * dy)
            start, end = self.along_m[index], self.along_m[index + 1]
            best = min(best, (off, start + share * (end - start)))
        return best[1], best[0]

    def cut(self, start_m: float, end_m: float) -> tuple[Point, ...]:
        """The part of the line between two distances from its start."""
        inner = tuple(
            point for point, along in zip(self.points, self.along_m, strict=True) if start_m < along < end_m
        )
        return (self._at(start_m), *inner, self._at(end_m))

    def _at(self, along_m: float) -> Point:
        index = min(max(bisect(self.along_m, along_m) - 1, 0), len(self.points) - 2)
        (x0, y0), (x1, y1) = self.points[index], self.points[index + 1]
        length = self.along_m[index + 1] - self.along_m[index]
        share = min(1.0, max(0.0, (along_m - self.along_m[index]) / length)) if length else 0.0
        return x0 + share * (x1 - x0), y0 + share * (y1 - y0)


def road_lines(city: City) -> dict[str, list[Line]]:
    """The lines of each road by its key, from the layer of roads."""
    layer: Any = msgspec.json.decode(city.layers.get("roads", b'{"features":[]}'))
    found: dict[str, list[Line]] = {}
    for feature in layer["features"]:
        shape, key = feature["geometry"], feature["properties"].get("key")
        parts = {"LineString": [shape["coordinates"]], "MultiLineString": shape["coordinates"]}
        for part in parts.get(shape["type"], []):
            if key and len(part) > 1:
                found.setdefault(key, []).append(make_line([(x, y) for x, y, *_ in part]))
    return found


def make_line(points: Sequence[Point]) -> Line:
    """A line through at least two points."""
    along = [0.0]
    for (x0, y0), (x1, y1) in pairwise(points):
        east, north = _scale((y0 + y1) / 2)
        along.append(along[-1] + math.hypot((x1 - x0) * east, (y1 - y0) * north))
    return Line(tuple(points), tuple(along))


def cut_segments(lines: Mapping[str, Sequence[Line]], devices: Sequence[Device]) -> list[Segment]:
    """A stretch for every device whose road has a line, by road and direction."""
    stands: dict[tuple[str, int, str], list[tuple[float, str]]] = {}
    for device in devices:
        road = device.tags.get("road", "")
        feet = [(*line.foot(device.lon, device.lat), index) for index, line in enumerate(lines.get(road, ()))]
        if feet:
            along_m, _, index = min(feet, key=lambda foot: foot[1])
            place = (road, index, device.tags.get("dir", ""))
            stands.setdefault(place, []).append((along_m, device.device_id))
    return [
        segment
        for (road, index, direction), found in sorted(stands.items())
        for segment in _along(lines[road][index], sorted(found), _SIDES.get(direction, 0))
    ]


def _along(line: Line, stands: Sequence[tuple[float, str]], side: int) -> list[Segment]:
    places = [along_m for along_m, _ in stands]
    middles = [(one + two) / 2 for one, two in pairwise(places)]
    starts, ends = [0.0, *middles], [*middles, line.along_m[-1]]
    found: list[Segment] = []
    for (along_m, device_id), start_m, end_m in zip(stands, starts, ends, strict=True):
        start, end = max(start_m, along_m - REACH_M), min(end_m, along_m + REACH_M)
        if end - start < LEAST_M:
            continue
        points = line.cut(start, end)
        found.append(Segment(device_id, points[::-1] if side < 0 else points, side != 0))
    return found


def _scale(lat: float) -> tuple[float, float]:
    """Metres a degree east and north."""
    return _EARTH_M * math.cos(math.radians(lat)), _EARTH_M
