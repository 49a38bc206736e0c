"""What rain leaves behind: wet ground, runoff in canals, water on streets.

These have a memory, so they are integrated in steps of a minute over a local day,
from some hours before it. The integration starts at a fixed instant whatever is asked,
so any window sees the same water.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from device_sims.groups import Group
from device_sims.moments import DAY_S, Moments, day_start_s
from device_sims.rain import Weather, rain_mmph
from device_sims.tables import Floats, number, span
from telemetry.city import City
from telemetry.tide import Station, level_m

STEP_S = 60.0
WARM_UP_S = 5 * 3600.0
"""Longer than any storage here remembers."""
_KEPT_DAYS = 12
_MAX_DAY_S = DAY_S + 3600.0
"""A day on which summer time ends is an hour longer."""


@dataclass(frozen=True, slots=True)
class Points:
    """Places where water is followed, each array of shape ``(n,)``.

    ``memory_s`` is how long the place remembers rain.
    """

    lat: Floats
    lon: Floats
    memory_s: Floats


@dataclass(frozen=True, slots=True)
class _Day:
    """States on the lattice from ``start_s``: ``wet_mm`` ``(steps, n)``, ``depth_m`` ``(steps, f)``."""

    start_s: float
    wet_mm: Floats
    depth_m: Floats


class Hydrology:
    """Wetness at points and water depth at street gauges, at any instant."""

    def __init__(
        self,
        city: City,
        weather: Weather,
        zone: ZoneInfo,
        points: Points,
        streets: Group,
        outfall: Station | None,
    ) -> None:
        """``outfall`` is the tide that holds the sewers back, where the city has one."""
        self._weather = weather
        self._zone = zone
        self._points = points
        self._streets = streets
        self._outfall = outfall
        self._sewer_mmph = streets.own("sewer", *span(city, "drainage", "street", "sewer_mmph"))
        self._gathering = streets.own("gathering", *span(city, "drainage", "street", "gathering"))
        minutes = streets.own("recession", *span(city, "drainage", "street", "recession_min"))
        self._recession_s = minutes * 60.0
        self._deepest_m = number(city, "drainage", "street", "deepest_m")
        road = streets.own("road", *span(city, "drainage", "street", "road_level_m"))
        low = streets.where(lambda device: device.tags.get("cause") in ("tide", "both"))
        self._road_m = np.where(low, road, np.inf)
        self._days: dict[int, _Day] = {}

    def wet_mm(self, at: Moments) -> Floats:
        """Rain still remembered at the points, mm, shape ``(t, n)``."""
        return self._read(at, lambda day: day.wet_mm, len(self._points.lat))

    def depth_m(self, at: Moments) -> Floats:
        """Water above the road at the street gauges, metres, shape ``(t, f)``."""
        return self._read(at, lambda day: day.depth_m, len(self._streets))

    def _read(self, at: Moments, table: Callable[[_Day], Floats], width: int) -> Floats:
        found = np.empty((len(at), width))
        for day in np.unique(at.day).tolist():
            rows = np.nonzero(at.day == day)[0]
            block = self._day(day)
            states = table(block)
            place = (at.seconds[rows] - block.start_s) / STEP_S
            low = np.clip(place.astype(np.int64), 0, len(states) - 2)
            share = (place - low)[:, None]
            found[rows] = states[low] * (1.0 - share) + states[low + 1] * share
        return found

    def _day(self, day: int) -> _Day:
        if day not in self._days:
            while len(self._days) >= _KEPT_DAYS:
                del self._days[next(iter(self._days))]
            self._days[day] = self._integrate(day)
        return self._days[day]

    def _integrate(self, day: int) -> _Day:
        start_s = day_start_s(day, self._zone)
        warm = int(WARM_UP_S / STEP_S)
        steps = warm + int(_MAX_DAY_S / STEP_S) + 2
        seconds = np.arange(-warm, steps - warm, dtype=np.float64) * STEP_S + start_s
        cells = self._weather.cells(float(seconds[0]), float(seconds[-1]))
        on_points = rain_mmph(cells, self._points.lat, self._points.lon, seconds)
        on_streets = rain_mmph(cells, self._streets.lat, self._streets.lon, seconds)
        return _Day(start_s, self._wet(on_points)[warm:], self._flood(on_streets, seconds)[warm:])

    def _wet(self, rain: Floats) -> Floats:
        wet = np.zeros_like(rain)
        keep = np.exp(-STEP_S / self._points.memory_s)
        for step in range(1, len(rain)):
            wet[step] = wet[step - 1] * keep + rain[step] * (STEP_S / 3600.0)
        return wet

    def _flood(self, rain: Floats, seconds: Floats) -> Floats:
        tide = np.full(len(seconds), -np.inf)
        if self._outfall is not None:
            tide = level_m(self._outfall, (seconds * 1e6).astype(np.int64))
        # A sewer whose outfall is under water drains less, down to a tenth.
        free = 1.0 - 0.9 * np.clip((tide[:, None] - (self._road_m - 0.45)) / 0.45, 0.0, 1.0)
        depth = np.zeros_like(rain)
        gain = self._gathering * STEP_S / 3.6e6
        for step in range(1, len(rain)):
            before = depth[step - 1]
            surplus = (rain[step] - self._sewer_mmph * free[step]) * gain
            after = before + surplus - before * free[step] * (STEP_S / self._recession_s)
            rising = np.maximum(0.0, tide[step] - self._road_m - after) * (STEP_S / 900.0)
            depth[step] = np.clip(after + rising, 0.0, self._deepest_m)
        return depth
