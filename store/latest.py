"""The newest reading of every stream, however many chunks of readings there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import psycopg
from psycopg.rows import class_row

from store.arrays import Int4
from store.chunks import ENDLESS, last_range
from telemetry.readings import LatestReading

_DAY: Final = timedelta(days=1)

_STREAMS = "SELECT stream_id FROM stream"
# One index probe a stream, newest chunk first. A probe costs a step for each chunk in the plan, read
# or not, so the planner is told of the stretch: it leaves the other chunks out.
_WITHIN = """
SELECT asked.stream_id, newest.time, newest.value, newest.quality
FROM unnest(%(ids)s) AS asked (stream_id) CROSS JOIN LATERAL (
    SELECT time, value, quality FROM reading
    WHERE reading.stream_id = asked.stream_id AND time >= %(start)s AND time < %(end)s
    ORDER BY time DESC LIMIT 1
) AS newest"""
_WAITING = """
SELECT min(pair.minute), array_agg(DISTINCT pair.stream_id)
FROM reading_change, unnest(stream_ids, stream_minutes) AS pair (stream_id, minute)
WHERE pair.stream_id = ANY(%s)"""
_LAST_DAYS = """
SELECT day.bucket, array_agg(asked.stream_id)
FROM unnest(%s) AS asked (stream_id) CROSS JOIN LATERAL (
    SELECT bucket FROM reading_1d
    WHERE reading_1d.stream_id = asked.stream_id ORDER BY bucket DESC LIMIT 1
) AS day
GROUP BY 1"""


def read_latest(conn: psycopg.Connection) -> list[LatestReading]:
    """The newest reading of every stream that has one, in no order.

    Nearly every stream has spoken in the last chunk or the day before it. The others are looked for
    where they spoke last, by what is summed up or waits for it. One that has been silent for so long
    is missed where it was never summed up, and its readings came with those of a thousand others in
    one minute: until they are summed up, half a minute later.
    """
    newest = last_range(conn, "reading")
    if newest is None:
        return []
    since = newest[0] if newest == ENDLESS else newest[0] - _DAY
    ids = [row[0] for row in conn.execute(_STREAMS).fetchall()]
    found = _read(conn, ids, since, ENDLESS[1])
    spoken = {reading.stream_id for reading in found}
    silent = [stream_id for stream_id in ids if stream_id not in spoken]
    for some, start, end in _stretches(conn, silent, since):
        found += _read(conn, some, start, end)
    return found


def _stretches(
    conn: psycopg.Connection, silent: Sequence[int], since: datetime
) -> Iterator[tuple[Sequence[int], datetime, datetime]]:
    """Where streams that said nothing ``since`` then spoke last; none of those that never did."""
    first, waiting = conn.execute(_WAITING, (_ids(silent),)).fetchone() or (0, None)
    if waiting:
        yield waiting, datetime.fromtimestamp(first * 60, UTC), since
    others = sorted(set(silent) - set(waiting or ()))
    for day, some in conn.execute(_LAST_DAYS, (_ids(others),)).fetchall():
        yield some, day, day + _DAY


def _read(
    conn: psycopg.Connection, ids: Sequence[int], start: datetime, end: datetime
) -> list[LatestReading]:
    with conn.cursor(row_factory=class_row(LatestReading)) as cursor:
        asked = {"ids": _ids(ids), "start": start, "end": end}
        return cursor.execute(_WITHIN, asked, prepare=False).fetchall()


def _ids(ids: Sequence[int]) -> Int4:
    return Int4(np.asarray(ids, np.int32))
