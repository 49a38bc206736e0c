"""A simulated city's weeks as arrays, for benchmarks that run the engine over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from analytics.roster import Roster, Rows
from device_sims import fleet
from device_sims.city_model import CityModel
from device_sims.options import SimOptions
from device_sims.truth import Truth
from telemetry.city import City
from telemetry.devices import Device, Stream
from telemetry.readings import Readings, to_micros

MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Weeks:
    """A city, what its sensors said each ``step_s``, and what truly happened.

    ``values`` float32, shape ``(n_streams, n_times)``, NaN where nothing was sent;
    ``times`` ``(n_times,)`` microseconds.
    """

    devices: tuple[Device, ...]
    roster: Roster
    times: NDArray[np.int64]
    values: NDArray[np.float32]
    truths: tuple[Truth, ...]

    def rows(self, first: int, last: int) -> Rows:
        """`readings` by place in the roster."""
        found = self.readings(first, last)
        return Rows(found.stream_ids.astype(np.int64), found.times, found.values)

    def history(self, first: int, last: int, streams: int = 256) -> Iterator[Rows]:
        """The same by stream and time, some streams at once: what detectors learn from."""
        for place in range(0, len(self.values), streams):
            block = self.values[place : place + streams, first:last]
            stream, when = np.nonzero(~np.isnan(block))
            values = block[stream, when].astype(np.float64)
            yield Rows(stream.astype(np.int64) + place, self.times[first:last][when], values)

    def readings(self, first: int, last: int) -> Readings:
        """Readings of the instants ``first`` … ``last`` (exclusive), in the order of time."""
        block = self.values[:, first:last].T
        when, stream = np.nonzero(~np.isnan(block))
        return Readings.of(stream, self.times[first:last][when], block[when, stream])


def simulate(city: City, seed: int, devices: int, start: datetime, days: int, step_s: int) -> Weeks:
    """``days`` of ``devices`` devices from ``start``, everything that goes wrong daily included.

    A device's usual interval is ``step_s`` here.
    """
    options = SimOptions(devices=devices, seed=seed, scenario="calm")
    own = [replace(device, interval_s=float(step_s)) for device in fleet.devices(city, devices)]
    model = CityModel(city, options, own)
    times = np.arange(to_micros(start), to_micros(start + timedelta(days=days)), step_s * 1_000_000)
    values = np.empty((len(model.keys), len(times)), np.float32)
    for first in range(0, len(times), 720):
        values[:, first : first + 720] = model.sample(times[first : first + 720]).T
    streams = [Stream(i, device, metric, float(step_s)) for i, (device, metric) in enumerate(model.keys)]
    truths = model.schedule.overlapping(start.timestamp(), (start + timedelta(days=days)).timestamp())
    return Weeks(tuple(own), Roster.of(streams, own), times, values, tuple(truths))
