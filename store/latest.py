"""The newest reading of every stream, however many chunks of readings there are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, LiteralString

import numpy as np
import psycopg
from psycopg.rows import class_row

from store.arrays import Int4
from store.chunks import last_time
from telemetry.readings import LatestReading

_RECENT: Final = (timedelta(days=1), timedelta(days=30))
"""Looked at first, back from the newest reading: nearly every stream has spoken in the last day."""

# One index probe a stream, newest chunk first. Each probe costs as many steps as the plan has
# chunks, read or not; bounds that the planner knows keep them few.
_LATEST = """
SELECT asked.stream_id, newest.time, newest.value, newest.quality
FROM {asked} CROSS JOIN LATERAL (
    SELECT time, value, quality FROM reading
    WHERE reading.stream_id = asked.stream_id AND time >= {since}
    ORDER BY time DESC LIMIT 1
) AS newest"""
_OTHERS: LiteralString = "(SELECT stream_id FROM stream WHERE stream_id <> ALL(%(found)s)) AS asked"
_SINCE = _LATEST.format(asked=_OTHERS, since="%(since)s")
_EVER = _LATEST.format(asked=_OTHERS, since="'-infinity'")
# What a stream said last is no older than its last day tells; one without a day never spoke.
_BY_DAY = _LATEST.format(
    asked=f"""{_OTHERS} CROSS JOIN LATERAL (
    SELECT last_at FROM reading_1d
    WHERE reading_1d.stream_id = asked.stream_id ORDER BY bucket DESC LIMIT 1
) AS day""",
    since="day.last_at",
)
_IS_BEHIND = """
SELECT EXISTS (
    SELECT FROM reading_change
    WHERE %(minute)s > ANY(minutes) OR %(minute)s > ANY(stream_minutes))"""


def read_latest(conn: psycopg.Connection) -> list[LatestReading]:
    """The newest reading of every stream that has one, in no order."""
    newest = last_time(conn, "reading")
    if newest is None:
        return []
    found: list[LatestReading] = []
    for length in _RECENT:
        found += _read(conn, _SINCE, found, newest - length)
    oldest = newest - _RECENT[-1]
    behind = conn.execute(_IS_BEHIND, {"minute": int(oldest.timestamp() // 60) + 1}).fetchone()
    return found + _read(conn, _EVER if behind and behind[0] else _BY_DAY, found, oldest)


def _read(
    conn: psycopg.Connection, query: LiteralString, known: list[LatestReading], since: datetime
) -> list[LatestReading]:
    """Of the streams that are not among those known."""
    ids = Int4(np.asarray([reading.stream_id for reading in known], np.int32))
    with conn.cursor(row_factory=class_row(LatestReading)) as cursor:
        return cursor.execute(query, {"found": ids, "since": since}, prepare=False).fetchall()
