"""The whole city at an instant: the last value of every stream at or before it."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg

from store.horizons import read_horizons
from telemetry.readings import Readings

_COLUMNS = """
SELECT coalesce(array_agg(stream_id), '{{}}') AS ids, coalesce(array_agg(time), '{{}}') AS times,
       coalesce(array_agg(value), '{{}}') AS values, coalesce(array_agg(quality), '{{}}') AS qualities
FROM ({rows}) AS newest"""

# One index probe a stream in the chunks that the time allows.
_STATE = _COLUMNS.format(
    rows="""
    SELECT stream.stream_id, newest.time, newest.value, newest.quality
    FROM stream CROSS JOIN LATERAL (
        SELECT time, value, quality FROM reading
        WHERE reading.stream_id = stream.stream_id AND time <= %(at)s AND time > %(since)s
        ORDER BY time DESC LIMIT 1
    ) AS newest
    ORDER BY 1"""
)
# Of the time when readings have been let go: what a minute ended with.
_OF_MINUTES = _COLUMNS.format(
    rows="""
    SELECT DISTINCT ON (stream_id) stream_id, last_at AS time, last_value AS value, 0::smallint AS quality
    FROM reading_1m
    WHERE bucket > %(since)s::timestamptz - INTERVAL '1 minute' AND bucket <= %(at)s
      AND last_at > %(since)s AND last_at <= %(at)s
    ORDER BY stream_id, bucket DESC"""
)


def read_state(conn: psycopg.Connection, at: datetime, within: timedelta) -> Readings:
    """The last reading of every stream in ``(at - within, at]``, ordered by stream.

    A stream that said nothing for so long is left out. Before the time since when readings
    are kept, minutes stand in for them: to the minute, and of quality 0.
    """
    horizon = read_horizons(conn).get("reading")
    query = _STATE if horizon is None or at >= horizon else _OF_MINUTES
    with conn.cursor(binary=True) as cursor:
        row = cursor.execute(query, {"at": at, "since": at - within}, prepare=False).fetchone()
    assert row is not None  # an aggregate always answers
    return Readings.of(*row)
