"""Readings of any length of time, in slices that fit the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.rows import class_row

from store.arrays import Int4
from telemetry.devices import Stream
from telemetry.readings import Readings

Borrow = Callable[[], AbstractContextManager[psycopg.Connection]]
"""Lends a connection, such as ``pool.connection``."""

SLICE_ROWS = 65_536
"""Readings that a slice aims at; one is a few times larger where readings become dense at once."""
_FIRST = timedelta(minutes=1)
_SHORTEST = timedelta(seconds=1)
_LONGEST = timedelta(days=7)

_SELECT = """
SELECT stream.stream_id, stream.device_id, stream.metric, stream.interval_s
FROM stream JOIN device USING (device_id)
WHERE (%(devices)s::text[] IS NULL OR device_id = ANY(%(devices)s))
  AND (%(domains)s::text[] IS NULL OR domain = ANY(%(domains)s))
  AND (%(metrics)s::text[] IS NULL OR metric = ANY(%(metrics)s))
  AND (%(zones)s::text[] IS NULL OR zone = ANY(%(zones)s))
ORDER BY stream.stream_id"""

# One row a slice: arrays travel in binary, and this works where COPY does not (PGlite). They are put
# in order here: the database would sort rows, and on disk where its `work_mem` is small.
_SLICE = """
SELECT coalesce(array_agg(stream_id), '{}') AS ids, coalesce(array_agg(time), '{}') AS times,
       coalesce(array_agg(value), '{}') AS values, coalesce(array_agg(quality), '{}') AS qualities
FROM reading
WHERE (%(ids)s::integer[] IS NULL OR stream_id = ANY(%(ids)s))
  AND time >= %(start)s AND time < %(end)s"""

_NEXT = """
SELECT min(time) FROM reading
WHERE (%(ids)s::integer[] IS NULL OR stream_id = ANY(%(ids)s)) AND time >= %(start)s AND time < %(end)s"""

_BUSY = """
SELECT date_bin(%(step)s, time, %(origin)s) AS step, count(*) FROM reading
WHERE time >= %(start)s AND time < %(end)s GROUP BY step"""
_SPACINGS = """
SELECT array_agg(stream_id) AS ids, array_agg(spacing_s) AS spacings_s FROM (
    SELECT stream_id,
           extract(epoch FROM max(time) - min(time))::double precision / (count(*) - 1) AS spacing_s
    FROM reading WHERE time >= %(start)s AND time < %(end)s GROUP BY stream_id HAVING count(*) > 1
) AS spaced"""
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which streams; ``None`` means all. A stream must fit each of them."""

    devices: tuple[str, ...] | None = None
    domains: tuple[str, ...] | None = None
    metrics: tuple[str, ...] | None = None
    zones: tuple[str, ...] | None = None

    @property
    def is_everything(self) -> bool:
        """Whether every stream is meant."""
        return self == Selection()


def select_streams(conn: psycopg.Connection, selection: Selection) -> list[Stream]:
    """The streams that fit, by id."""
    wanted = {
        "devices": _listed(selection.devices),
        "domains": _listed(selection.domains),
        "metrics": _listed(selection.metrics),
        "zones": _listed(selection.zones),
    }
    with conn.cursor(row_factory=class_row(Stream)) as cursor:
        return cursor.execute(_SELECT, wanted).fetchall()


def _listed(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else list(names)


def read_slice(
    conn: psycopg.Connection, stream_ids: Sequence[int] | None, start: datetime, end: datetime
) -> Readings:
    """Readings in ``[start, end)`` by time, then stream; of every stream for ``None``."""
    with conn.cursor(binary=True) as cursor:
        row = cursor.execute(_SLICE, {"ids": _ids(stream_ids), "start": start, "end": end}).fetchone()
    assert row is not None  # an aggregate always answers
    found = Readings.of(*row)
    return found.take(np.lexsort((found.stream_ids, found.times)))


def next_time(
    conn: psycopg.Connection, stream_ids: Sequence[int] | None, start: datetime, end: datetime
) -> datetime | None:
    """Time of the first reading in ``[start, end)``; ``None`` where there is none."""
    row = conn.execute(_NEXT, {"ids": _ids(stream_ids), "start": start, "end": end}).fetchone()
    return None if row is None else row[0]


def busy_steps(
    conn: psycopg.Connection, start: datetime, end: datetime, step: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """In which steps of ``step`` microseconds anything was measured, and how many readings.

    A step's number is ``time // step``; they ascend.
    """
    rows: list[tuple[int, int]] = []
    width = timedelta(microseconds=step)
    while start < end:  # a day is a chunk
        until = min(end, start + _DAY)
        asked = {"step": width, "origin": _EPOCH, "start": start, "end": until}
        rows += [((at - _EPOCH) // width, n) for at, n in conn.execute(_BUSY, asked)]
        start = until
    numbers, counts = np.array(rows, np.int64).reshape(-1, 2).T
    steps, place = np.unique(numbers, return_inverse=True)
    return steps, np.bincount(place, counts, len(steps)).astype(np.int64)


def spacings(conn: psycopg.Connection, start: datetime, end: datetime) -> dict[int, float]:
    """How far apart the readings of each stream lie on average, seconds; streams with two or more."""
    row = conn.execute(_SPACINGS, {"start": start, "end": end}).fetchone()
    return {} if row is None or row[0] is None else dict(zip(*row, strict=True))


def _ids(stream_ids: Sequence[int] | None) -> Int4 | None:
    return None if stream_ids is None else Int4(np.asarray(stream_ids, np.int32))


class SliceWidth:
    """How long the next slice should be: so long that about ``rows`` readings are in it. Pure."""

    def __init__(self, rows: int = SLICE_ROWS) -> None:
        self._rows = rows
        self.width = _FIRST

    def learn(self, found: int) -> None:
        """Told what the last slice held. It grows fourfold at most, and shrinks at once."""
        factor = min(4.0, self._rows / found) if found else 4.0
        self.width = min(_LONGEST, max(_SHORTEST, self.width * factor))


def slices(
    borrow: Borrow,
    stream_ids: Sequence[int] | None,
    start: datetime,
    end: datetime,
    width: SliceWidth | None = None,
) -> Iterator[tuple[datetime, Readings]]:
    """All readings in ``[start, end)``, slice after slice, each with the time it reaches to.

    A connection is borrowed for one slice alone, so that a slow reader keeps none from
    others. Each slice sees what was committed when it was read. Gaps are jumped over.
    """
    width = width or SliceWidth()
    at = start
    while at < end:
        until = min(end, at + width.width)
        with borrow() as conn:
            found = read_slice(conn, stream_ids, at, until)
            width.learn(len(found))
            at = until
            if not len(found) and at < end:
                at = next_time(conn, stream_ids, at, end) or end
        yield at, found
