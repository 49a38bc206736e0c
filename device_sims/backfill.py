"""History: the same city model, run over the past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from device_sims.city_model import CityModel
from device_sims.groups import StreamKey
from device_sims.options import SimOptions
from device_sims.tables import Floats
from device_sims.truth import Truth
from telemetry.city import City
from telemetry.errors import ConfigError
from telemetry.readings import to_micros

CHUNK_VALUES = 200_000


@dataclass(frozen=True, slots=True)
class HistoryChunk:
    """A stretch of history.

    ``times`` ``(t,)`` int64 µs since the epoch; ``values`` ``(t, len(keys))``, NaN where
    a stream has no reading; ``keys`` are (device id, metric).
    """

    keys: tuple[StreamKey, ...]
    times: NDArray[np.int64]
    values: Floats


def history(
    city: City, options: SimOptions, start: datetime, end: datetime, step_s: float
) -> Iterator[HistoryChunk]:
    """The city's own devices at every ``step_s`` from ``start`` up to, not including, ``end``."""
    if step_s <= 0:
        raise ConfigError(f"a step of {step_s} s", cure="give a step above 0")
    model = CityModel(city, options)
    times = np.arange(to_micros(start), to_micros(end), round(step_s * 1e6), dtype=np.int64)
    rows = max(1, CHUNK_VALUES // max(1, len(model.keys)))
    for first in range(0, len(times), rows):
        part = times[first : first + rows]
        yield HistoryChunk(model.keys, part, model.sample(part))


def truths(city: City, options: SimOptions, start: datetime, end: datetime) -> list[Truth]:
    """What `history` over the same time has in it, for the ground-truth file."""
    model = CityModel(city, options)
    return model.schedule.overlapping(start.timestamp(), end.timestamp())
