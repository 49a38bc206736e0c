"""When things go wrong: a seeded schedule of events and faults, by day and for a live start."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np

from device_sims import events, faults, noise
from device_sims.events import Places
from device_sims.moments import DAY_S, day_start_s
from device_sims.options import SimOptions
from device_sims.tables import numbers
from device_sims.truth import (
    ACCIDENT,
    CLOCK,
    DRIFT,
    DROPOUT,
    FLOOD,
    NOISY,
    OFFSET,
    OUTAGE,
    POLLUTION,
    SPIKE,
    STUCK,
    Truth,
)
from telemetry.city import City
from telemetry.devices import Device

_MAKERS = {ACCIDENT: events.accident, OUTAGE: events.outage, POLLUTION: events.pollution, FLOOD: events.flood}

_DAILY = {ACCIDENT: 4.0, OUTAGE: 0.7, POLLUTION: 0.5}
"""Mean number of events in a day."""
_DAILY_FAULTS = 3.5
_FAULTS = (STUCK, SPIKE, DRIFT, DROPOUT, OFFSET)
_DAILY_NOISY = 0.7
"""Drawn apart: a day's other events and faults stay what they were before sensors became noisy."""
_LENGTH_MIN = {
    ACCIDENT: (15.0, 55.0),
    OUTAGE: (8.0, 45.0),
    POLLUTION: (40.0, 150.0),
    FLOOD: (50.0, 90.0),
    STUCK: (40.0, 240.0),
    SPIKE: (30.0, 180.0),
    DRIFT: (180.0, 480.0),
    DROPOUT: (8.0, 60.0),
    OFFSET: (60.0, 300.0),
    NOISY: (60.0, 300.0),
}
_ACCIDENT_HOURS = (7.0, 7.5, 8.0, 9.0, 11.0, 14.0, 16.5, 17.0, 17.5, 18.0, 19.0, 22.0)

_OPENING = (
    (FLOOD, -38.0, 85.0),
    (ACCIDENT, -4.5, 16.0),
    (OUTAGE, 0.25, 8.0),
    (POLLUTION, -0.2, 14.0),
    (STUCK, -0.5, 25.0),
    (DROPOUT, -0.2, 10.0),
)
"""At a live start: kind, minutes from the start to its beginning, minutes it lasts. The
storm and the crash are older than the start, so that water and queue stand already."""
_SLOT_S = 240.0
_SLOTS = (
    (ACCIDENT, 6.0),
    (SPIKE, 8.0),
    (OUTAGE, 4.0),
    (OFFSET, 9.0),
    (POLLUTION, 7.0),
    (DROPOUT, 5.0),
    (ACCIDENT, 7.0),
    (STUCK, 15.0),
    (FLOOD, 60.0),
    (DRIFT, 20.0),
    (CLOCK, 20.0),
    (NOISY, 25.0),
)
"""After it, one each slot of four minutes, round and round: kind, minutes it lasts."""


class Schedule:
    """Everything that goes wrong, by the seed alone (and the live start, where there is one)."""

    def __init__(
        self,
        city: City,
        devices: Sequence[Device],
        options: SimOptions,
        zone: ZoneInfo,
        live_start_s: float | None = None,
    ) -> None:
        self._devices = tuple(devices)
        self._places = Places.of(devices)
        # What a live start sets off should be seen: it happens in the map's first view.
        self._shown = tuple(device for device in devices if _inside(device, city.bbox)) or self._devices
        self._shown_places = Places.of(self._shown)
        self._options = options
        self._zone = zone
        self._live_start_s = live_start_s if options.scenario == "demo" else None
        self._rain_days = numbers(city, "climate", "rain_days", length=12)
        self._known: dict[tuple[str, int], tuple[Truth, ...]] = {}

    def overlapping(self, start_s: float, end_s: float) -> list[Truth]:
        """What happens at some time between ``start_s`` and ``end_s``, in order of start."""
        if self._options.scenario == "none":
            return []
        found: list[Truth] = []
        for day in range(int(start_s // DAY_S) - 1, int(end_s // DAY_S) + 2):
            found += self._cached("day", day)
        if self._live_start_s is not None:
            found += self._cached("opening", 0)
            longest = max(minutes for _, minutes in _SLOTS) * 60.0
            first = int((start_s - longest - self._live_start_s) // _SLOT_S)
            for slot in range(max(1, first), int((end_s - self._live_start_s) // _SLOT_S) + 1):
                found += self._cached("slot", slot)
        kept = [truth for truth in found if truth.end_s > start_s and truth.start_s < end_s]
        return sorted(kept, key=lambda truth: truth.start)

    def _cached(self, what: str, number: int) -> tuple[Truth, ...]:
        if (what, number) not in self._known:
            draw = {"day": self._day, "opening": self._opening, "slot": self._slot}[what]
            self._known[what, number] = tuple(filter(None, draw(number)))
        return self._known[what, number]

    def _day(self, day: int) -> list[Truth | None]:
        chance = noise.rng(self._options.seed, "events", day)
        begin_s = day_start_s(day, self._zone)
        found: list[Truth | None] = []
        for kind, mean in _DAILY.items():
            for _ in range(int(chance.poisson(mean))):
                hour = chance.choice(_ACCIDENT_HOURS) if kind == ACCIDENT else chance.uniform(0.0, 22.0)
                start_s = begin_s + float(hour + chance.uniform(0.0, 0.9)) * 3600.0
                found.append(self._make(kind, chance, start_s))
        month = int(np.datetime64(day, "D").astype("datetime64[M]").astype(int)) % 12
        if chance.random() < 0.6 * float(self._rain_days[month]) / 30.0:
            found.append(self._make(FLOOD, chance, begin_s + float(chance.uniform(14.0, 18.5)) * 3600.0))
        for _ in range(int(chance.poisson(_DAILY_FAULTS))):
            start_s = begin_s + float(chance.uniform(0.0, 23.0)) * 3600.0
            found.append(self._make(str(chance.choice(_FAULTS)), chance, start_s))
        return found + self._noisy(day, begin_s)

    def _noisy(self, day: int, begin_s: float) -> list[Truth | None]:
        chance = noise.rng(self._options.seed, NOISY, day)
        starts_s = begin_s + chance.uniform(0.0, 23.0 * 3600.0, int(chance.poisson(_DAILY_NOISY)))
        return [self._make(NOISY, chance, float(start_s)) for start_s in starts_s]

    def _opening(self, _: int) -> list[Truth | None]:
        assert self._live_start_s is not None
        chance = noise.rng(self._options.seed, "opening")
        return [
            self._show(kind, chance, self._live_start_s + after * 60.0, minutes * 60.0)
            for kind, after, minutes in _OPENING
        ]

    def _slot(self, slot: int) -> list[Truth | None]:
        assert self._live_start_s is not None
        chance = noise.rng(self._options.seed, "slot", slot)
        kind, minutes = _SLOTS[(slot - 1) % len(_SLOTS)]
        start_s = self._live_start_s + slot * _SLOT_S + float(chance.uniform(0.0, 60.0))
        return [self._show(kind, chance, start_s, minutes * 60.0)]

    def _make(self, kind: str, chance: np.random.Generator, start_s: float) -> Truth | None:
        lasts_s = float(chance.uniform(*_LENGTH_MIN[kind])) * 60.0
        if kind in _MAKERS:
            return _MAKERS[kind](self._places, chance, start_s, lasts_s)
        return faults.fault(kind, self._devices, chance, start_s, lasts_s)

    def _show(self, kind: str, chance: np.random.Generator, start_s: float, lasts_s: float) -> Truth | None:
        if kind in _MAKERS:
            return _MAKERS[kind](self._shown_places, chance, start_s, lasts_s)
        return faults.fault(kind, self._shown, chance, start_s, lasts_s)


def _inside(device: Device, bbox: tuple[float, float, float, float]) -> bool:
    west, south, east, north = bbox
    return west <= device.lon <= east and south <= device.lat <= north
