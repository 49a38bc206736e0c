"""The rollups of `reading`: four relations, and how what changed gets into them.

``reading_1m``, ``reading_15m``, ``reading_1h`` and ``reading_1d`` have the columns
``stream_id, bucket, n, total, low, high, first_value, first_at, last_value, last_at``.
Every stored reading counts, whatever its quality: the flags say how a reading came (late,
without a time of its own), not that its value is wrong. Days are those of UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from store import changes
from store.arrays import Int4, Timestamptz
from store.backlog import DAY_MINUTES, fill_new_days
from store.changes import MINUTE_US, Changes
from store.edition import timescaledb_version

AT_ONCE = 2_000
"""Changes worked on in one transaction."""
_NEAR_MINUTES: Final = 10
"""Changed minutes no further apart than this are refreshed as one window."""


@dataclass(frozen=True, slots=True)
class Level:
    """One rollup: its relation, and the length of its buckets in minutes."""

    relation: str
    minutes: int

    @property
    def width(self) -> timedelta:
        """The length of a bucket."""
        return timedelta(minutes=self.minutes)


LEVELS: Final = (
    Level("reading_1m", 1),
    Level("reading_15m", 15),
    Level("reading_1h", 60),
    Level("reading_1d", DAY_MINUTES),
)
"""From the finest to the coarsest; each is made from the one before."""

_OF_READINGS = """
count(*) AS n, sum(value) AS total, min(value) AS low, max(value) AS high,
{first} AS first_value, min(time) AS first_at, {last} AS last_value, max(time) AS last_at"""
_OF_ROLLUP = """
sum(n)::bigint AS n, sum(total) AS total, min(low) AS low, max(high) AS high,
{first} AS first_value, min(first_at) AS first_at, {last} AS last_value, max(last_at) AS last_at"""
_FIRST = {True: "first({value}, {time})", False: "(array_agg({value} ORDER BY {time}))[1]"}
_LAST = {True: "last({value}, {time})", False: "(array_agg({value} ORDER BY {time} DESC))[1]"}

# Readings are never changed, so a bucket with as many as before is the same as before.
_MERGE = """
INSERT INTO {relation} AS known
SELECT source.stream_id,
       date_bin({width}, source.{time}, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS bucket, {sums}
FROM {changed}
GROUP BY 1, 2
ON CONFLICT (stream_id, bucket) DO UPDATE SET
    n = excluded.n, total = excluded.total, low = excluded.low, high = excluded.high,
    first_value = excluded.first_value, first_at = excluded.first_at,
    last_value = excluded.last_value, last_at = excluded.last_at
WHERE known.n <> excluded.n"""
_WINDOW = "{source} AS source WHERE source.{time} >= %(start)s AND source.{time} < %(end)s"
_PAIRS = """
unnest(%(ids)s, %(starts)s) AS pair (stream_id, start) JOIN {source} AS source
    ON source.stream_id = pair.stream_id AND source.{time} >= pair.start
    AND source.{time} < pair.start + {width}
    AND source.{time} >= %(start)s AND source.{time} < %(end)s"""

_IS_VIEW = "SELECT relkind = 'v' FROM pg_class WHERE oid = 'reading_1m'::regclass"
_REFRESH = "CALL refresh_continuous_aggregate({relation}, {start}, {end})"


def are_views(conn: psycopg.Connection) -> bool:
    """Whether the rollups are TimescaleDB's continuous aggregates; else they are tables of ours."""
    row = conn.execute(_IS_VIEW).fetchone()
    return bool(row and row[0])


def refresh(conn: psycopg.Connection, horizon: datetime | None = None) -> int:
    """Bring the oldest changes into the rollups; returns how many, 0 where nothing is behind.

    Killed at any point, it has done all of it or must do it again, which changes nothing.
    Only one may run at a time. Changes before ``horizon`` are forgotten: the readings
    they belong to are no longer all there, so the buckets stay as they are.

    Parameters
    ----------
    conn
        In autocommit: TimescaleDB refreshes outside a transaction.
    """
    found = changes.peek(conn, AT_ONCE)
    if not found.ids:
        return 0
    if horizon is not None:
        found = found.since(int(horizon.timestamp() // 60))
    if are_views(conn):
        for level in LEVELS:
            _refresh_view(conn, level, found)
        changes.forget(conn, found.ids)
    else:
        rest = found.without(fill_new_days(conn, found.all_minutes))
        with conn.transaction():
            merge(conn, rest)
            changes.forget(conn, found.ids)
    return len(found.ids)


def merge(conn: psycopg.Connection, found: Changes) -> None:
    """Make the buckets that changes touch anew, in our own tables; part of one transaction."""
    timescale = timescaledb_version(conn) is not None
    parent = "reading"
    for level in LEVELS:
        _merge_windows(conn, parent, level, found.minutes, timescale=timescale)
        _merge_pairs(conn, parent, level, found, timescale=timescale)
        parent = level.relation


def windows(minutes: NDArray[np.integer], step: int) -> list[tuple[datetime, datetime]]:
    """Ordered minutes as windows of whole buckets of ``step`` minutes, no longer than a day or a bucket."""
    if len(minutes) == 0:
        return []
    buckets = np.unique(minutes // step)
    day = buckets * step // DAY_MINUTES
    apart = (np.diff(buckets) > max(1, _NEAR_MINUTES // step)) | (np.diff(day) > 0)
    firsts = buckets[np.concatenate(([True], apart))] * step
    ends = (buckets[np.concatenate((apart, [True]))] + 1) * step
    return [(_moment(int(a)), _moment(int(b))) for a, b in zip(firsts, ends, strict=True)]


def _merge_windows(
    conn: psycopg.Connection, parent: str, level: Level, minutes: NDArray[np.int32], *, timescale: bool
) -> None:
    query = _query(parent, level, _WINDOW, timescale=timescale)
    for start, end in windows(minutes, level.minutes):
        conn.execute(query, {"start": start, "end": end}, prepare=False)


def _merge_pairs(
    conn: psycopg.Connection, parent: str, level: Level, found: Changes, *, timescale: bool
) -> None:
    if len(found.stream_ids) == 0:
        return
    keys = (found.stream_minutes.astype(np.int64) // level.minutes << 32) | found.stream_ids
    keys = np.unique(keys)
    starts = (keys >> 32) * level.minutes
    parameters = {
        "ids": Int4((keys & 0xFFFFFFFF).astype(np.int32)),
        "starts": Timestamptz(starts * MINUTE_US),
        "start": _moment(int(starts[0])),
        "end": _moment(int(starts[-1]) + level.minutes),
    }
    conn.execute(_query(parent, level, _PAIRS, timescale=timescale), parameters, prepare=False)


def _query(parent: str, level: Level, changed: str, *, timescale: bool) -> sql.Composed:
    raw = parent == "reading"
    of = {"value": "value", "time": "time"} if raw else {}
    first = of or {"value": "first_value", "time": "first_at"}
    last = of or {"value": "last_value", "time": "last_at"}
    sums = (_OF_READINGS if raw else _OF_ROLLUP).format(
        first=_FIRST[timescale].format(**first), last=_LAST[timescale].format(**last)
    )
    names = {
        "width": sql.Literal(level.width),
        "time": sql.Identifier("time" if raw else "bucket"),
        "source": sql.Identifier(parent),
    }
    return sql.SQL(_MERGE).format(
        relation=sql.Identifier(level.relation),
        sums=sql.SQL(sums),  # pyright: ignore[reportArgumentType]
        changed=sql.SQL(changed).format(**names),  # pyright: ignore[reportArgumentType]
        **names,
    )


def _refresh_view(conn: psycopg.Connection, level: Level, found: Changes) -> None:
    for start, end in windows(found.all_minutes, level.minutes):
        conn.execute(
            sql.SQL(_REFRESH).format(
                relation=sql.Literal(level.relation), start=sql.Literal(start), end=sql.Literal(end)
            )
        )


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
