"""Whole days that no rollup knows yet, such as history: summed up in memory, written by COPY.

Bucket by bucket the database would look for what it has, and read each rollup again to make the
next. Where a day is new there is nothing to look for, and one reading of it makes all four.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, LiteralString, Self

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from store.arrays import EPOCH_2000
from store.changes import MINUTE_US
from store.chunks import analyze

DAY_MINUTES: Final = 1_440
MOST_READINGS: Final = 2_000_000
"""A day of more than this is left to the database: it would take too much memory."""
_DAY: Final = timedelta(days=1)
_RELATIONS: Final = {"reading_1m": 1, "reading_15m": 15, "reading_1h": 60, "reading_1d": DAY_MINUTES}

_IS_KNOWN = "SELECT EXISTS (SELECT FROM reading_1d WHERE bucket = %(start)s)"
_IS_SMALL = """
SELECT count(*) <= %(most)s FROM (
    SELECT FROM reading WHERE time >= %(start)s AND time < %(end)s LIMIT %(most)s + 1) AS counted"""
_READ = """
SELECT coalesce(array_agg(stream_id), '{}') AS ids, coalesce(array_agg(time), '{}') AS times,
       coalesce(array_agg(value), '{}') AS values
FROM reading WHERE time >= %(start)s AND time < %(end)s"""
_COPY = "COPY {} FROM STDIN (FORMAT BINARY)"
_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_TRAILER = b"\xff\xff"
_COLUMNS: Final = (
    ("stream_ids", ">i4"), ("times", ">i8"), ("counts", ">i8"), ("totals", ">f8"), ("lows", ">f8"),
    ("highs", ">f8"), ("first_values", ">f8"), ("firsts", ">i8"), ("last_values", ">f8"), ("lasts", ">i8"),
)  # fmt: skip
_ROW = np.dtype(
    [("fields", ">i2"), *(cell for n, kind in _COLUMNS for cell in ((f"{n}_size", ">i4"), (n, kind)))]
)


@dataclass(frozen=True, slots=True)
class Sums:
    """Columns of shape ``(n,)``, ordered by stream and time; times are int64 µs since the epoch."""

    stream_ids: NDArray[np.int32]
    times: NDArray[np.int64]
    counts: NDArray[np.int64]
    totals: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    first_values: NDArray[np.float64]
    firsts: NDArray[np.int64]
    last_values: NDArray[np.float64]
    lasts: NDArray[np.int64]

    @classmethod
    def of(cls, ids: NDArray[np.int32], times: NDArray[np.int64], values: NDArray[np.float64]) -> Self:
        """Every reading as a bucket of its own."""
        order = np.lexsort((times, ids))
        ids, times, values = ids[order], times[order], values[order]
        ones = np.ones(len(ids), np.int64)
        return cls(ids, times, ones, values, values, values, values, times, values, times)

    def over(self, minutes: int) -> Self:
        """Over buckets of so many minutes; ``self`` has at least one row, and finer ones."""
        buckets = self.times - self.times % (minutes * MINUTE_US)
        changes = (np.diff(self.stream_ids) != 0) | (np.diff(buckets) != 0)
        starts = np.concatenate(([0], np.flatnonzero(changes) + 1))
        ends = np.append(starts[1:], len(buckets)) - 1
        return type(self)(
            self.stream_ids[starts],
            buckets[starts],
            np.add.reduceat(self.counts, starts),
            np.add.reduceat(self.totals, starts),
            np.minimum.reduceat(self.lows, starts),
            np.maximum.reduceat(self.highs, starts),
            self.first_values[starts],
            self.firsts[starts],
            self.last_values[ends],
            self.lasts[ends],
        )


def fill_new_days(conn: psycopg.Connection, minutes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Sum up the days, of those that have one of ``minutes``, that no rollup knows.

    Each day is a transaction. Whoever comes after sees buckets that are right already.

    Parameters
    ----------
    conn
        In autocommit.
    minutes
        Since 1970; in which something changed.

    Returns
    -------
    ndarray of int64
        The days done, since 1970.
    """
    days = np.unique(minutes.astype(np.int64) // DAY_MINUTES).tolist()
    done = [day for day in days if _fill_day(conn, datetime.fromtimestamp(day * 86_400, UTC))]
    if done:  # the planner should know before the next question what came
        start, end = (datetime.fromtimestamp(day * 86_400, UTC) for day in (done[0], done[-1] + 1))
        for relation in ("reading", *_RELATIONS):
            analyze(conn, relation, start, end)
    return np.asarray(done, np.int64)


def _fill_day(conn: psycopg.Connection, day: datetime) -> bool:
    """Whether the day was new, and small enough, and now is summed up."""
    parameters: dict[str, object] = {"start": day, "end": day + _DAY, "most": MOST_READINGS}
    try:
        with conn.transaction():
            if _is(conn, _IS_KNOWN, parameters) or not _is(conn, _IS_SMALL, parameters):
                return False
            sums = _read(conn, parameters)
            for relation, minutes in _RELATIONS.items():
                if len(sums.times):
                    sums = sums.over(minutes)
                    _copy(conn, relation, sums)
    except psycopg.errors.UniqueViolation:
        return False  # something of the day was known after all
    return True


def _read(conn: psycopg.Connection, parameters: dict[str, object]) -> Sums:
    with conn.cursor(binary=True) as cursor:
        row = cursor.execute(_READ, parameters, prepare=False).fetchone()
    assert row is not None  # an aggregate always answers
    return Sums.of(*row)


def _copy(conn: psycopg.Connection, relation: str, sums: Sums) -> None:
    rows = np.empty(len(sums.times), _ROW)
    rows["fields"] = len(_COLUMNS)
    for name, kind in _COLUMNS:
        column = getattr(sums, name)
        rows[f"{name}_size"] = np.dtype(kind).itemsize
        rows[name] = column - EPOCH_2000 if name in ("times", "firsts", "lasts") else column
    with conn.cursor().copy(sql.SQL(_COPY).format(sql.Identifier(relation))) as copy:
        copy.write(_COPY_HEADER + rows.tobytes() + _COPY_TRAILER)


def _is(conn: psycopg.Connection, query: LiteralString, parameters: dict[str, object]) -> bool:
    row = conn.execute(query, parameters, prepare=False).fetchone()
    return bool(row and row[0])
