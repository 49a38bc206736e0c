"""Rain as convective cells that are born, move over the city and die.

A cell is a bell in space and a hump in time. Cells of ordinary days come from the
month's climate; a flood event is one cell more, placed on purpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from device_sims import noise
from device_sims.moments import DAY_S, day_start_s
from device_sims.tables import Floats, entry, number, numbers, span
from device_sims.truth import Truth
from telemetry.city import City

KM_PER_DEGREE = 111.195
"""Of latitude, on a sphere of 6 371 km."""
_MONTH_DAYS = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_FAINTEST_MMPH = 0.1
_DRY_CLOUD_SHARE = 1.15
"""It rains somewhere in the city on more days than at one gauge, K."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A storm cell: where it is born, seconds of its life, km/s of its way, mm/h at its heart."""

    start_s: float
    duration_s: float
    lat: float
    lon: float
    north_kms: float
    east_kms: float
    radius_km: float
    peak_mmph: float

    @property
    def end_s(self) -> float:
        """When it has died."""
        return self.start_s + self.duration_s


def cell_of(truth: Truth) -> Cell:
    """The cell behind a flood event."""
    return Cell(
        truth.start_s,
        truth.end_s - truth.start_s,
        truth.number("lat"),
        truth.number("lon"),
        truth.number("north_kmh") / 3600.0,
        truth.number("east_kmh") / 3600.0,
        truth.number("radius_km"),
        truth.number("peak_mmph"),
    )


def rain_mmph(cells: Sequence[Cell], lat: Floats, lon: Floats, seconds: Floats) -> Floats:
    """Rain at points at instants, mm/h, shape ``(t, n)``."""
    total = np.zeros((len(seconds), len(lat)))
    for cell in cells:
        rows = np.nonzero((seconds > cell.start_s) & (seconds < cell.end_s))[0]
        if not len(rows):
            continue
        age = (seconds[rows] - cell.start_s)[:, None]
        # Rises fast, dies slowly: a sine bent towards its start.
        strength = cell.peak_mmph * np.sin(np.pi * (age / cell.duration_s) ** 0.7) ** 0.8
        north = (lat[None, :] - cell.lat) * KM_PER_DEGREE - cell.north_kms * age
        shrink = KM_PER_DEGREE * np.cos(np.radians(cell.lat))
        east = (lon[None, :] - cell.lon) * shrink - cell.east_kms * age
        total[rows] += strength * np.exp(-(north**2 + east**2) / cell.radius_km**2)
    total[total < _FAINTEST_MMPH] = 0.0
    return total


class Weather:
    """All the cells there are, by local day."""

    def __init__(
        self, city: City, seed: int, zone: ZoneInfo, events: Callable[[float, float], Sequence[Truth]]
    ) -> None:
        """``events(start_s, end_s)`` gives the flood events that overlap a time."""
        self._seed = seed
        self._zone = zone
        self._events = events
        self._days = numbers(city, "climate", "rain_days", length=12)
        self._hours = (
            number(city, "climate", "storm", "first_hour"),
            number(city, "climate", "storm", "last_hour"),
        )
        self._duration_min = span(city, "climate", "storm", "duration_min")
        self._radius_km = span(city, "climate", "storm", "radius_km")
        self._peak_mmph = span(city, "climate", "storm", "peak_mmph")
        self._speed_kmh = span(city, "climate", "storm", "speed_kmh")
        self._headings = (
            number(city, "climate", "storm", "heading_dry_deg"),
            number(city, "climate", "storm", "heading_wet_deg"),
        )
        self._wet_months: list[int] = list(entry(city, "climate", "storm", "wet_months"))
        self._per_day = number(city, "climate", "storm", "cells_per_rain_day")
        west, south, east, north = map(float, numbers(city, "climate", "storm", "box", length=4))
        self._lat, self._lon = (south, north), (west, east)
        self._known: dict[int, tuple[Cell, ...]] = {}

    def cells(self, start_s: float, end_s: float) -> list[Cell]:
        """The cells that live at some time between ``start_s`` and ``end_s``."""
        first, last = (int(second // DAY_S) for second in (start_s, end_s))
        found = [cell for day in range(first - 1, last + 2) for cell in self._of_day(day)]
        found += map(cell_of, self._events(start_s, end_s))
        return [cell for cell in found if cell.end_s > start_s and cell.start_s < end_s]

    def _of_day(self, day: int) -> tuple[Cell, ...]:
        if day not in self._known:
            self._known[day] = tuple(self._draw(day))
        return self._known[day]

    def _draw(self, day: int) -> list[Cell]:
        chance = noise.rng(self._seed, "rain", day)
        month = int(np.datetime64(day, "D").astype("datetime64[M]").astype(int)) % 12
        wet_share = min(0.97, _DRY_CLOUD_SHARE * float(self._days[month] / _MONTH_DAYS[month]))
        if chance.random() > wet_share:
            return []
        count = int(chance.poisson(self._per_day * chance.lognormal(-0.25, 0.7)))
        start_s = day_start_s(day, self._zone)
        heading = self._headings[month + 1 in self._wet_months]
        return [self._cell(chance, start_s, heading) for _ in range(count)]

    def _cell(self, chance: np.random.Generator, day_s: float, heading: float) -> Cell:
        hour = self._hours[0] + (self._hours[1] - self._hours[0]) * float(chance.beta(2.0, 2.6))
        angle = math.radians(heading + chance.normal(0.0, 20.0))
        speed_kms: float = float(chance.uniform(*self._speed_kmh)) / 3600.0
        low, high = self._peak_mmph
        return Cell(
            start_s=float(day_s + hour * 3600.0),
            duration_s=float(chance.uniform(*self._duration_min) * 60.0),
            lat=float(chance.uniform(*self._lat)),
            lon=float(chance.uniform(*self._lon)),
            north_kms=speed_kms * math.cos(angle),
            east_kms=speed_kms * math.sin(angle),
            radius_km=float(chance.uniform(*self._radius_km)),
            peak_mmph=float(low + (high - low) * chance.beta(1.1, 3.0)),
        )
