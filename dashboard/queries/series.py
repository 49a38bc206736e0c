"""Readings of one stream over a time, thinned to what a screen can show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from tsdownsample import MinMaxLTTBDownsampler

from store import readings
from store.quality import list_intervals
from telemetry.devices import Stream
from telemetry.quality import QualityInterval, bad_shares
from telemetry.readings import Readings

GAP_INTERVALS = 3
"""More than this many usual intervals without a reading is a gap in the line."""
_AROUND = 4
"""Distances looked at on each side of one, to tell a gap from a coarser step."""


@dataclass(frozen=True, slots=True)
class Series:
    """Columns of shape ``(n,)``: times in epoch ms; a NaN value of quality -1 marks a gap."""

    stream: Stream
    start: datetime
    end: datetime
    readings: int
    downsampled: bool
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    qualities: NDArray[np.int16]
    faults: tuple[QualityInterval, ...] = ()
    """What was the matter with the sensor in this time."""

    @property
    def bad(self) -> NDArray[np.bool_]:
        """Which points lie in one of the faults."""
        ids = np.full(len(self.times), self.stream.stream_id, np.int32)
        return bad_shares(self.faults, ids, self.times * 1000, 0) > 0


def read_series(
    conn: psycopg.Connection, stream: Stream, start: datetime, end: datetime, max_points: int
) -> Series:
    """Readings of a stream in ``[start, end)``, at most ``max_points`` of them and the gaps."""
    found = readings.read_range(conn, [stream.stream_id], start, end)
    kept = thin(found, max_points)
    # Gaps are sought in what was stored: thinning makes distances of its own.
    columns = mark_gaps(kept, gap_starts(found, stream.interval_s))
    faults = tuple(list_intervals(conn, [stream.stream_id], start, end))
    return Series(stream, start, end, len(found), len(kept) < len(found), *columns, faults)


def thin(found: Readings, max_points: int) -> Readings:
    """The readings that carry the shape: MinMaxLTTB (Van Der Donckt et al. 2023, arXiv:2305.00332)."""
    if len(found) <= max_points:
        return found
    if max_points < 3:
        return found.take(np.asarray([0, len(found) - 1][:max_points]))
    thinner = MinMaxLTTBDownsampler()
    keep = thinner.downsample(found.times, found.values, n_out=max_points)  # pyright: ignore[reportUnknownMemberType]
    return found.take(np.asarray(keep, np.intp))


def gap_starts(found: Readings, interval_s: float) -> NDArray[np.int64]:
    """Times (µs) of the readings after which nothing came for too long.

    Too long is three usual intervals, and three times the distance of the readings
    around: history that was recorded at a coarser step has no gaps for that.
    """
    if len(found) < 2:
        return found.times[:0]
    apart = np.diff(found.times)
    padded = np.pad(apart, _AROUND, mode="reflect" if len(apart) > _AROUND else "edge")
    around = np.median(sliding_window_view(padded, 2 * _AROUND + 1), axis=1)
    late = apart > GAP_INTERVALS * np.maximum(around, interval_s * 1e6)
    return found.times[:-1][late]


def mark_gaps(
    kept: Readings, starts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int16]]:
    """Times (ms), values and qualities, with a NaN one millisecond after each gap's start."""
    times, order = kept.times // 1000, slice(None)
    marks = starts // 1000 + 1
    times = np.concatenate((times, marks))
    order = np.argsort(times, kind="stable")
    values = np.concatenate((kept.values, np.full(len(marks), np.nan)))
    qualities = np.concatenate((kept.qualities, np.full(len(marks), -1, np.int16)))
    return times[order], values[order], qualities[order]
