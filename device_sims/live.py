"""The live stream: which messages are due, with which values. No network, no clock of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from device_sims.city_model import CityModel
from device_sims.fleet import devices, originals
from device_sims.options import SimOptions
from device_sims.pace import Clock, Rota
from device_sims.truth import CLOCK, Truth
from telemetry.city import City
from telemetry.devices import Device
from telemetry.payloads import Sample, encode

GRAIN_S = 0.25
"""Devices measure on this grid of simulated time; finer ones (load tests) in between."""
_AHEAD = 8
"""Instants sampled in one call: eight cost little more than one."""
_LONGEST_GAP_S = 60.0

_Slice = tuple[tuple[str, ...], int, int]

_log = logging.getLogger(__name__)


class LiveStream:
    """The messages of a fleet from ``started_s`` (wall clock, seconds since the epoch) on."""

    def __init__(self, city: City, options: SimOptions, started_s: float) -> None:
        self.fleet = devices(city, options.devices)
        self.rota = Rota(self.fleet, options.seed, options.rate)
        self._clock = Clock(started_s, options.speed)
        self._speed = max(1.0, options.speed)
        begin_s = self._clock.now_s(started_s)
        self._model = CityModel(city, options, live_start_s=begin_s)
        self._slices: list[_Slice] = _slices(city, self.fleet)
        fastest_s = float(self.rota.interval_s.min())
        self._exact = fastest_s < 2 * GRAIN_S
        self._grain_s = GRAIN_S if self._exact else min(GRAIN_S * self._speed, fastest_s / 2.0)
        self._sent_until_s = begin_s
        self._told_until_s: float | None = None
        self._rows: dict[int, list[float]] = {}
        self._places = {device.device_id: place for place, device in enumerate(self.fleet)}

    def begun(self, wall_s: float) -> list[Truth]:
        """What began since the last call; at the first, also what is already under way."""
        now_s = self._clock.now_s(wall_s)
        since_s, self._told_until_s = self._told_until_s, now_s
        if since_s is None:
            return self._model.schedule.overlapping(now_s, now_s + 1e-3)
        found = self._model.schedule.overlapping(since_s, now_s + 1e-3)
        return [truth for truth in found if since_s < truth.start_s <= now_s]

    def messages(self, wall_s: float) -> Iterator[tuple[int, bytes]]:
        """What is due since the last call: the place in ``fleet`` and the payload."""
        now_s = self._clock.now_s(wall_s)
        if now_s - self._sent_until_s > _LONGEST_GAP_S * self._speed:
            _log.warning("%.0f s behind; those messages are skipped", now_s - self._sent_until_s)
            self._sent_until_s = now_s - self._grain_s
        who, when = self.rota.due(self._sent_until_s, now_s)
        self._sent_until_s = now_s
        grid = np.floor(when / self._grain_s).astype(np.int64)
        self._sample(grid)
        stamps = (when if self._exact else grid * self._grain_s) * 1e6
        places: list[int] = who.tolist()
        cells: list[int] = grid.tolist()
        micros: list[int] = stamps.astype(np.int64).tolist()
        wrong_us = self._clock_errors()
        for place, cell, stamp in zip(places, cells, micros, strict=True):
            names, first, last = self._slices[place]
            row = self._rows[cell][first:last]
            # A reading that is not one (NaN) is not equal to itself.
            values = {name: value for name, value in zip(names, row, strict=True) if value == value}  # noqa: PLR0124
            if values:
                yield place, encode(Sample(stamp + wrong_us.get(place, 0), values))

    def _clock_errors(self) -> dict[int, int]:
        """By place in the fleet, how far ahead a clock runs that is wrong now, microseconds."""
        now_s = self._sent_until_s
        wrong = [t for t in self._model.schedule.overlapping(now_s, now_s + 1e-3) if t.kind == CLOCK]
        return {
            self._places[device_id]: round(truth.number("offset_s") * 1e6)
            for truth in wrong
            for device_id in truth.device_ids
            if device_id in self._places
        }

    def _sample(self, grid: NDArray[np.int64]) -> None:
        """Make sure that every cell of ``grid`` has its row."""
        missing = [cell for cell in np.unique(grid).tolist() if cell not in self._rows]
        if not missing:
            return
        wanted = range(missing[0], max(missing[-1] + 1, missing[0] + _AHEAD))
        if len(missing) > _AHEAD:
            wanted = missing
        cells = np.array(list(wanted), dtype=np.int64)
        found = self._model.sample((cells * self._grain_s * 1e6).astype(np.int64))
        oldest = int(grid.min())
        self._rows = {cell: row for cell, row in self._rows.items() if cell >= oldest}
        self._rows |= dict(zip(cells.tolist(), found.tolist(), strict=True))


def _slices(city: City, fleet: Sequence[Device]) -> list[_Slice]:
    """For each device its metrics, and where they stand in the model's row."""
    ends = list(accumulate(len(device.metrics) for device in city.devices))
    return [
        (city.devices[place].metrics, ends[place] - len(city.devices[place].metrics), ends[place])
        for place in originals(fleet, city)
    ]
