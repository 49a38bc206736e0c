"""Readings summed up: means per stream and stretch of time, from the rollups where they allow it.

A range is put together from three parts, which answer together as if all were computed from
the readings: whole buckets of the coarsest rollup whose bounds fit; minutes of the finest one
where a coarse bucket is cut or behind; and readings where a minute is cut or behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from store import changes
from store.arrays import Int4, Timestamptz
from store.changes import MINUTE_US
from store.horizons import read_horizons
from store.rollups import LEVELS, Level
from telemetry.readings import to_micros

_DAY = timedelta(days=1)
_SHORT = timedelta(minutes=5)
"""Over shorter stretches than this a rollup saves nothing."""

# Stretches are counted from the end, so that the newest one is a whole one.
_BUCKETS = """
SELECT coalesce(array_agg(stream_id), '{{}}') AS ids, coalesce(array_agg(stretch), '{{}}') AS times,
       coalesce(array_agg(total / n), '{{}}') AS means, coalesce(array_agg(low), '{{}}') AS lows,
       coalesce(array_agg(high), '{{}}') AS highs, coalesce(array_agg(n), '{{}}') AS counts,
       coalesce(array_agg(first_at), '{{}}') AS firsts, coalesce(array_agg(last_at), '{{}}') AS lasts
FROM (
    SELECT stream_id, date_bin(%(width)s::interval, at, %(end)s) AS stretch, sum(total) AS total,
           min(low) AS low, max(high) AS high, sum(n)::int4 AS n, min(first_at) AS first_at,
           max(last_at) AS last_at
    FROM ({parts}) AS part
    GROUP BY 1, 2 ORDER BY 1, 2
) AS summed"""
_READINGS = """
SELECT stream_id, time AS at, value AS total, value AS low, value AS high, 1 AS n,
       time AS first_at, time AS last_at
FROM reading
WHERE stream_id = ANY(%(ids)s) AND time >= %(start)s AND time < %(end)s"""
_WHOLE = """
SELECT stream_id, bucket AS at, total, low, high, n, first_at, last_at FROM {relation}
WHERE stream_id = ANY(%(ids)s) AND bucket >= %(start)s AND bucket < %(end)s
  AND bucket <> ALL(%({broken})s)"""
_RUNS = """
SELECT found.* FROM unnest(%({starts})s, %({ends})s) AS run (start, finish)
CROSS JOIN LATERAL ({part}) AS found"""
# From the first run to the last, known to the planner: other chunks are not even planned for.
_RUN_OF_READINGS = (
    _READINGS
    + """ AND time >= %(minute_first)s AND time < %(minute_last)s
  AND time >= run.start AND time < run.finish"""
)
_RUN_OF_MINUTES = """
SELECT stream_id, bucket AS at, total, low, high, n, first_at, last_at FROM reading_1m
WHERE stream_id = ANY(%(ids)s) AND bucket >= %(start)s AND bucket < %(end)s
  AND bucket >= %(first)s AND bucket < %(last)s
  AND bucket >= run.start AND bucket < run.finish AND bucket <> ALL(%(broken_minutes)s)"""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Columns of shape ``(n,)``, ordered by stream and time.

    ``times`` int64, microseconds since the epoch, where a bucket begins; ``means``,
    ``lows`` and ``highs`` float64 in the metric's unit; ``counts`` int32; ``firsts`` and
    ``lasts``, like ``times``, when the first and the last reading in it was.
    """

    stream_ids: NDArray[np.int32]
    times: NDArray[np.int64]
    means: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    counts: NDArray[np.int32]
    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]

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
    conn: psycopg.Connection,
    stream_ids: Sequence[int],
    start: datetime,
    end: datetime,
    width: timedelta,
    *,
    rolled: bool = True,
) -> Buckets:
    """Means over stretches of ``width`` that end at ``end``, in ``[start, end)``.

    ``width`` must divide a day, or be days. With ``rolled`` false everything is computed
    from the readings, with the same answers.
    """
    if width <= timedelta(0) or (_DAY % width and width % _DAY):
        raise ValueError(f"{width} does not divide a day")
    parameters: dict[str, object] = {
        "ids": Int4(np.asarray(stream_ids, np.int32)),
        "start": start,
        "end": end,
        "width": width,
    }
    parts: sql.Composable = sql.SQL(_READINGS)
    if rolled and start < end:
        horizons = read_horizons(conn)
        level = level_for(start, end, width, horizons)
        if level is not None:
            parts = _parts(conn, level, stream_ids, horizons.get("reading"), parameters)
    query = sql.SQL(_BUCKETS).format(parts=parts)
    # Planned for these very bounds: only then are chunks left out and long lists hashed.
    with conn.cursor(binary=True) as cursor:
        row = cursor.execute(query, parameters, prepare=False).fetchone()
    assert row is not None  # an aggregate always answers
    ids, times, means, lows, highs, counts, firsts, lasts = row
    return Buckets(
        np.asarray(ids, np.int32),
        np.asarray(times, np.int64),
        np.asarray(means, np.float64),
        np.asarray(lows, np.float64),
        np.asarray(highs, np.float64),
        np.asarray(counts, np.int32),
        np.asarray(firsts, np.int64),
        np.asarray(lasts, np.int64),
    )


def level_for(
    start: datetime, end: datetime, width: timedelta, horizons: dict[str, datetime]
) -> Level | None:
    """The rollup to answer from: the coarsest whose buckets fit, or minutes; ``None`` for readings."""
    gone = "reading" in horizons and start < horizons["reading"]
    for level in reversed(LEVELS):
        aligned = to_micros(end) % (level.minutes * MINUTE_US) == 0
        if aligned and width % level.width == timedelta(0) and (gone or width >= _SHORT):
            return level
    return LEVELS[0] if gone or width >= _SHORT else None


def _parts(
    conn: psycopg.Connection,
    level: Level,
    stream_ids: Sequence[int],
    horizon: datetime | None,
    parameters: dict[str, object],
) -> sql.Composable:
    """The parts of the answer as one query; what they leave to each other goes into ``parameters``."""
    start, end, width = parameters["start"], parameters["end"], parameters["width"]
    assert isinstance(start, datetime)
    assert isinstance(end, datetime)
    assert isinstance(width, timedelta)
    span = to_micros(start), to_micros(end)
    first, last = span[0] // MINUTE_US, -(-span[1] // MINUTE_US)
    minutes = np.union1d(
        changes.pending_minutes(conn, stream_ids, first, last), cut(*span, width // timedelta(microseconds=1))
    )
    if horizon is not None:  # where readings have been let go, a cut minute counts as a whole
        minutes = minutes[minutes >= to_micros(horizon) // MINUTE_US]
    parameters["broken_minutes"] = Timestamptz(minutes * MINUTE_US)
    parts = [_whole(level, "broken" if level.minutes > 1 else "broken_minutes")]
    if len(minutes):
        parameters |= _runs("minute_", minutes, 1)
        parts.append(_run("minute_", _RUN_OF_READINGS))
    if level.minutes > 1:
        bounds = np.asarray(
            [bound // MINUTE_US for bound in span if bound % (level.minutes * MINUTE_US)], np.int64
        )
        broken = np.unique(np.concatenate((minutes, bounds)) // level.minutes)
        parameters["broken"] = Timestamptz(broken * level.minutes * MINUTE_US)
        if len(broken):
            parameters |= _runs("", broken, level.minutes)
            parts.append(_run("", _RUN_OF_MINUTES))
    return sql.SQL(" UNION ALL ").join(parts)


def cut(start_us: int, end_us: int, width_us: int) -> NDArray[np.int64]:
    """Minutes since 1970 that the start, the end or a bound between two stretches cuts."""
    bounds = np.append(np.arange(end_us, start_us, -width_us, dtype=np.int64), start_us)
    return np.unique(bounds[bounds % MINUTE_US != 0] // MINUTE_US)


def _whole(level: Level, broken: str) -> sql.Composable:
    text = _WHOLE.replace("{broken}", broken)
    return sql.SQL(text).format(relation=sql.Identifier(level.relation))  # pyright: ignore[reportArgumentType]


def _run(name: str, part: str) -> sql.Composable:
    text = _RUNS.format(starts=f"{name}starts", ends=f"{name}ends", part=part)
    return sql.SQL(text)  # pyright: ignore[reportArgumentType]


def _runs(name: str, places: NDArray[np.int64], minutes: int) -> dict[str, object]:
    """Consecutive places, each ``minutes`` long, as runs: where each begins and ends, and all of them."""
    apart = np.diff(places) > 1
    firsts = places[np.concatenate(([True], apart))] * minutes * MINUTE_US
    lasts = (places[np.concatenate((apart, [True]))] + 1) * minutes * MINUTE_US
    return {
        f"{name}starts": Timestamptz(firsts),
        f"{name}ends": Timestamptz(lasts),
        f"{name}first": datetime.fromtimestamp(int(firsts[0]) / 1e6, UTC),
        f"{name}last": datetime.fromtimestamp(int(lasts[-1]) / 1e6, UTC),
    }
