"""Readings: one at a time at the edge, arrays everywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray


class Quality(IntFlag):
    """What is known about a reading besides its value. 0 is a plain good one."""

    GOOD = 0
    LATE = 1
    """Arrived long after it was measured."""
    ARRIVAL_TIME = 2
    """The device sent no time; the time of arrival stands in for it."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings as columns, each of shape ``(n,)``.

    ``stream_ids`` int32; ``times`` int64, microseconds since the epoch, UTC;
    ``values`` float64 in the metric's unit; ``qualities`` int16.
    """

    stream_ids: NDArray[np.int32]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    qualities: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.stream_ids)

    def take(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Readings:
        """The rows that ``keep`` (a mask or an index) names."""
        return Readings(self.stream_ids[keep], self.times[keep], self.values[keep], self.qualities[keep])

    @classmethod
    def of(
        cls,
        stream_ids: object,
        times: object,
        values: object,
        qualities: object | None = None,
    ) -> Readings:
        """Columns from anything ``np.asarray`` takes; qualities default to good."""
        ids = np.asarray(stream_ids, dtype=np.int32)
        flags = np.zeros(len(ids), np.int16) if qualities is None else qualities
        return cls(
            ids,
            np.asarray(times, dtype=np.int64),
            np.asarray(values, dtype=np.float64),
            np.asarray(flags, dtype=np.int16),
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """One committed flush of one ingestor: an entry of the ordered log."""

    ingestor: str
    seq: int
    committed_at: datetime
    readings: Readings


@dataclass(frozen=True, slots=True)
class LatestReading:
    """The newest reading of a stream."""

    stream_id: int
    time: datetime
    value: float
    quality: int


def to_micros(moment: datetime) -> int:
    """An aware time as whole microseconds since the epoch."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone has no place on the UTC axis")
    return round(moment.timestamp() * 1_000_000)
