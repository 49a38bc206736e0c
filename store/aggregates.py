"""Readings summed up: means per stream and stretch of time.

`time_bucket` is TimescaleDB's, or the shim's where the database has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import psycopg
from numpy.typing import NDArray

from store.arrays import Int4

_DAY = timedelta(days=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

# Shifted, so that a bucket ends where the range ends: the newest one is a whole one.
_BUCKETS = """
SELECT coalesce(array_agg(stream_id), '{}') AS ids, coalesce(array_agg(bucket), '{}') AS times,
       coalesce(array_agg(mean), '{}') AS means, coalesce(array_agg(low), '{}') AS lows,
       coalesce(array_agg(high), '{}') AS highs, coalesce(array_agg(n), '{}') AS counts
FROM (
    SELECT stream_id, time_bucket(%(width)s::interval, time - %(shift)s::interval) + %(shift)s::interval
               AS bucket,
           avg(value) AS mean, min(value) AS low, max(value) AS high, count(*)::int4 AS n
    FROM reading
    WHERE stream_id = ANY(%(ids)s) AND time >= %(start)s AND time < %(end)s
    GROUP BY 1, 2 ORDER BY 1, 2
) AS summed"""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Columns of shape ``(n,)``, ordered by stream and time.

    ``times`` int64, microseconds since the epoch, where a bucket begins; ``means``,
    ``lows`` and ``highs`` float64 in the metric's unit; ``counts`` int32.
    """

    stream_ids: NDArray[np.int32]
    times: NDArray[np.int64]
    means: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    counts: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.stream_ids)

    def table(
        self,
        stream_ids: Sequence[int],
        start: datetime,
        end: datetime,
        width: timedelta,
        of: Literal["means", "lows", "highs"] = "means",
    ) -> NDArray[np.float64]:
        """A column as ``(stream, bucket)`` from ``start`` to ``end``; NaN where there is none."""
        column = {"means": self.means, "lows": self.lows, "highs": self.highs}[of]
        width_us = width // timedelta(microseconds=1)
        end_us = round(end.timestamp() * 1e6)
        columns = -(-(end - start) // width)
        row_of = {stream_id: row for row, stream_id in enumerate(stream_ids)}
        rows = np.asarray([row_of.get(stream_id, -1) for stream_id in self.stream_ids.tolist()], np.intp)
        places = columns - (end_us - self.times) // width_us
        kept = (rows >= 0) & (places >= 0) & (places < columns)
        made = np.full((len(stream_ids), columns), np.nan)
        made[rows[kept], places[kept]] = column[kept]
        return made


def read_buckets(
    conn: psycopg.Connection, stream_ids: Sequence[int], start: datetime, end: datetime, width: timedelta
) -> Buckets:
    """Means over stretches of ``width`` that end at ``end``, in ``[start, end)``.

    ``width`` must divide a day.
    """
    if width <= timedelta(0) or _DAY % width:
        raise ValueError(f"{width} does not divide a day")
    parameters = {
        "ids": Int4(np.asarray(stream_ids, np.int32)),
        "start": start,
        "end": end,
        "width": width,
        "shift": (end - _EPOCH) % width,
    }
    with conn.cursor(binary=True) as cursor:
        row = cursor.execute(_BUCKETS, parameters).fetchone()
    assert row is not None  # an aggregate always answers
    ids, times, means, lows, highs, counts = row
    return Buckets(
        np.asarray(ids, np.int32),
        np.asarray(times, np.int64),
        np.asarray(means, np.float64),
        np.asarray(lows, np.float64),
        np.asarray(highs, np.float64),
        np.asarray(counts, np.int32),
    )
