"""Readings: written once however often they are delivered, read as arrays.

Connections come from `store.pool`, which teaches them NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import LiteralString

import numpy as np
import psycopg

from store import changes
from store.arrays import EPOCH_2000, Float8, Int2, Int4, Timestamptz
from store.chunks import first_time, last_time
from telemetry.readings import Readings

_COPY = "COPY reading (stream_id, time, value, quality) FROM STDIN (FORMAT BINARY)"
_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_TRAILER = b"\xff\xff"
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("id_size", ">i4"), ("stream_id", ">i4"),
        ("time_size", ">i4"), ("time", ">i8"),
        ("value_size", ">i4"), ("value", ">f8"),
        ("quality_size", ">i4"), ("quality", ">i2"),
    ]
)  # fmt: skip

_INSERT_NEW = """
WITH fresh AS (
    INSERT INTO reading (stream_id, time, value, quality)
    SELECT * FROM unnest(%(ids)s, %(times)s, %(values)s, %(qualities)s)
    ON CONFLICT (stream_id, time) DO NOTHING
    RETURNING stream_id, time, value, quality
)
SELECT coalesce(array_agg(stream_id), '{}') AS ids, coalesce(array_agg(time), '{}') AS times,
       coalesce(array_agg(value), '{}') AS values, coalesce(array_agg(quality), '{}') AS qualities
FROM fresh"""

_RANGE = """
SELECT coalesce(array_agg(stream_id), '{}') AS ids, coalesce(array_agg(time), '{}') AS times,
       coalesce(array_agg(value), '{}') AS values, coalesce(array_agg(quality), '{}') AS qualities
FROM (
    SELECT stream_id, time, value, quality FROM reading
    WHERE stream_id = ANY(%(ids)s) AND time >= %(start)s AND time < %(end)s
    ORDER BY stream_id, time
) AS ordered"""


def write_readings(conn: psycopg.Connection, readings: Readings) -> Readings:
    """Store readings and return those that were not there before.

    The direct road is a binary COPY, right as long as nothing is delivered twice.
    Where a reading is there already, a savepoint undoes it and the slow road inserts
    row by row past the duplicates. Within one call the first of two equals wins.
    """
    if len(readings) == 0:
        return readings
    try:
        with conn.transaction():
            copy_readings(conn, readings)
    except psycopg.errors.UniqueViolation:
        return insert_new(conn, readings)
    return readings


def copy_readings(conn: psycopg.Connection, readings: Readings) -> None:
    """The direct road; `psycopg.errors.UniqueViolation` where a reading is stored already."""
    rows = np.empty(len(readings), dtype=_ROW)
    rows["fields"], rows["id_size"], rows["time_size"] = 4, 4, 8
    rows["value_size"], rows["quality_size"] = 8, 2
    rows["stream_id"], rows["value"] = readings.stream_ids, readings.values
    rows["time"] = readings.times - EPOCH_2000
    rows["quality"] = readings.qualities
    with conn.cursor().copy(_COPY) as copy:
        copy.write(_COPY_HEADER + rows.tobytes() + _COPY_TRAILER)
    changes.record(conn, readings)


def insert_new(conn: psycopg.Connection, readings: Readings) -> Readings:
    """The slow road: store what is new, skip what is known, return what was new."""
    parameters = {
        "ids": Int4(readings.stream_ids),
        "times": Timestamptz(readings.times),
        "values": Float8(readings.values),
        "qualities": Int2(readings.qualities),
    }
    fresh = _as_readings(conn, _INSERT_NEW, parameters)
    changes.record(conn, fresh)
    return fresh


def read_range(
    conn: psycopg.Connection, stream_ids: Sequence[int], start: datetime, end: datetime
) -> Readings:
    """Readings of some streams in ``[start, end)``, ordered by stream and time."""
    ids = Int4(np.asarray(stream_ids, np.int32))
    return _as_readings(conn, _RANGE, {"ids": ids, "start": start, "end": end})


def extent(conn: psycopg.Connection) -> tuple[datetime, datetime] | None:
    """Times of the oldest and the newest reading; ``None`` in an empty store."""
    oldest, newest = first_time(conn, "reading"), last_time(conn, "reading")
    return None if oldest is None or newest is None else (oldest, newest)


def _as_readings(
    conn: psycopg.Connection, query: LiteralString, parameters: Mapping[str, object]
) -> Readings:
    with conn.cursor(binary=True) as cursor:
        row = cursor.execute(query, parameters).fetchone()
    assert row is not None  # an aggregate always answers
    return Readings.of(*row)
