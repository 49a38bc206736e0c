"""One query for any range: readings where they are few enough, the right rollup where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
import psycopg
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from store import quality
from store.aggregates import Buckets, read_buckets
from store.horizons import read_horizons
from store.readings import read_range
from store.rollups import LEVELS
from telemetry.quality import QualityInterval, bad_shares
from telemetry.readings import Readings

GAP_INTERVALS: Final = 3
"""More than this many usual intervals without a reading is a gap."""
_AROUND: Final = 4
"""Distances looked at on each side of one, to tell a gap from a coarser step."""
_DAY: Final = timedelta(days=1)
_MICROSECOND: Final = timedelta(microseconds=1)
WIDTHS: Final = (
    *(timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)),
    *(timedelta(days=d) for d in (2, 5, 10, 30, 90, 365)),
)
"""Lengths a point may stand for."""
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)

_INTERVALS = """
SELECT stream_id, device.interval_s FROM stream JOIN device USING (device_id) WHERE stream_id = ANY(%s)"""


@dataclass(frozen=True, slots=True)
class Curves:
    """Columns of shape ``(n,)``, ordered by stream and time.

    ``width`` is the stretch a point stands for, ``None`` where each is a reading; ``times``
    int64, microseconds since the epoch, where it begins. ``gaps`` says that something is
    missing between a point and the one of the same stream before it. ``bad`` is the share of a
    point (0 … 1) that lies inside a quality interval; ``faults`` are those intervals.
    """

    width: timedelta | None
    stream_ids: NDArray[np.int32]
    times: NDArray[np.int64]
    means: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    counts: NDArray[np.int32]
    gaps: NDArray[np.bool_]
    bad: NDArray[np.float64]
    faults: tuple[QualityInterval, ...] = ()

    def __len__(self) -> int:
        return len(self.stream_ids)


def read_curves(
    conn: psycopg.Connection, stream_ids: Sequence[int], start: datetime, end: datetime, points: int
) -> Curves:
    """Streams over ``[start, end)`` as about ``points`` points each, up to what was stored last.

    What sensor health found is joined to the points now, so that an interval that begins in
    the past marks the rollups too. Readings themselves are answered where no stream has more
    than ``points`` of them. Else a point is a stretch of one of `WIDTHS`; the first may begin
    before ``start`` and the last end after ``end``, as whole stretches are the same from
    whichever side one looks.

    Raises
    ------
    ValueError
        The range is empty, or ``points`` is not positive.
    """
    if start >= end or points < 1:
        raise ValueError("a range begins before it ends, and has a point at least")
    curves = _read(conn, stream_ids, start, end, points)
    width = curves.width or timedelta(0)
    faults = quality.list_intervals(conn, stream_ids, start - width, end + width)
    shares = bad_shares(faults, curves.stream_ids, curves.times, width // _MICROSECOND)
    return replace(curves, bad=shares, faults=tuple(faults))


def _read(
    conn: psycopg.Connection, stream_ids: Sequence[int], start: datetime, end: datetime, points: int
) -> Curves:
    horizon = read_horizons(conn).get("reading")
    whole = horizon is None or start >= horizon
    if whole and end - start <= points * WIDTHS[0]:
        buckets = None  # a minute is no coarser than what was asked for
    else:
        width = next((w for w in WIDTHS if end - start <= points * w), WIDTHS[-1])
        buckets = _stretches(conn, stream_ids, start, end, width)
        few = len(buckets) == 0 or _most(buckets.stream_ids, buckets.counts) <= points
        if not (whole and few):
            return _of_buckets(buckets, width, _intervals(conn, stream_ids))
    found = read_range(conn, stream_ids, start, end)
    if len(found) and _most(found.stream_ids, np.ones(len(found), np.int32)) > points and buckets is None:
        width = WIDTHS[0]
        return _of_buckets(
            _stretches(conn, stream_ids, start, end, width), width, _intervals(conn, stream_ids)
        )
    return _of_readings(found, _intervals(conn, stream_ids))


def mark_gaps(
    stream_ids: NDArray[np.int32],
    firsts: NDArray[np.int64],
    lasts: NDArray[np.int64],
    intervals: dict[int, float],
) -> NDArray[np.bool_]:
    """Before which points something is missing, of points from ``firsts`` to ``lasts`` (µs).

    Missing is more than three usual intervals, and three times the distances around: history
    that was recorded at a coarser step has no gaps for that.
    """
    gaps = np.zeros(len(stream_ids), np.bool_)
    bounds = np.flatnonzero(np.diff(stream_ids, prepend=-1, append=-1))
    for begin, end in pairwise(bounds.tolist()):
        apart = firsts[begin + 1 : end] - lasts[begin : end - 1]
        if len(apart) == 0:
            continue
        padded = np.pad(apart, _AROUND, mode="reflect" if len(apart) > _AROUND else "edge")
        around = np.median(sliding_window_view(padded, 2 * _AROUND + 1), axis=1)
        usual = intervals.get(int(stream_ids[begin]), 0.0) * 1e6
        gaps[begin + 1 : end] = apart > GAP_INTERVALS * np.maximum(around, usual)
    return gaps


def _stretches(
    conn: psycopg.Connection, stream_ids: Sequence[int], start: datetime, end: datetime, width: timedelta
) -> Buckets:
    """Whole stretches that cover the range; they begin on multiples of the width since 2000."""
    first = start - (start - _EPOCH) % width
    last = end + (_EPOCH - end) % width
    finest = LEVELS[0].width
    return read_buckets(conn, stream_ids, first, last, max(width, finest))


def _most(stream_ids: NDArray[np.int32], counts: NDArray[np.int32]) -> int:
    return int(np.bincount(stream_ids, counts).max())


def _intervals(conn: psycopg.Connection, stream_ids: Sequence[int]) -> dict[int, float]:
    return dict(conn.execute(_INTERVALS, (list(stream_ids),)).fetchall())


def _of_buckets(found: Buckets, width: timedelta, intervals: dict[int, float]) -> Curves:
    gaps = mark_gaps(found.stream_ids, found.firsts, found.lasts, intervals)
    return Curves(
        width, found.stream_ids, found.times, found.means, found.lows, found.highs, found.counts, gaps,
        np.zeros(len(found)),
    )  # fmt: skip


def _of_readings(found: Readings, intervals: dict[int, float]) -> Curves:
    gaps = mark_gaps(found.stream_ids, found.times, found.times, intervals)
    ones = np.ones(len(found), np.int32)
    return Curves(
        None, found.stream_ids, found.times, found.values, found.values, found.values, ones, gaps,
        np.zeros(len(found)),
    )  # fmt: skip
