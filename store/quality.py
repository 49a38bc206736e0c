"""Quality intervals: written beside the findings of sensor health, joined to readings when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
from psycopg.rows import kwargs_row

from store.anomalies import finding_row
from telemetry.alerts import Finding, FindingState
from telemetry.quality import FLAGS, OF_DEVICE, RULES, Fault, QualityInterval, Spans, bad_spans, began, ended

_COLUMNS = "stream_id, kind, started_at, ended_at, detector, score, detail"

# Silence and a wrong clock are a device's: they concern all of its streams.
_STREAMS = """
SELECT other.stream_id FROM stream JOIN stream AS other ON other.stream_id = stream.stream_id
    OR (%(of_device)s AND other.device_id = stream.device_id)
WHERE stream.stream_id = %(stream_id)s"""

_BEGIN = f"""
INSERT INTO quality_interval (key, stream_id, kind, started_at, detector, score, detail)
SELECT %(key)s, found.stream_id, %(kind)s, %(began)s, %(detector)s, %(score)s, %(detail)s
FROM ({_STREAMS}) AS found
ON CONFLICT (key, stream_id) WHERE ended_at IS NULL DO UPDATE
    SET score = greatest(quality_interval.score, excluded.score), detail = excluded.detail"""

_END = """
UPDATE quality_interval SET ended_at = greatest(started_at, %(ended)s)
WHERE key = %(key)s AND ended_at IS NULL"""

# A run of bad readings may go on after it was told. One statement: in a pipeline the outcome
# of a first one is not known when the second is sent.
_SPAN = """
WITH lengthened AS (
    UPDATE quality_interval SET ended_at = greatest(ended_at, %(ended)s)
    WHERE key = %(key)s AND stream_id = %(stream_id)s AND started_at = %(began)s
    RETURNING 1
)
INSERT INTO quality_interval (key, stream_id, kind, started_at, ended_at, detector, score, detail)
SELECT %(key)s, %(stream_id)s::int, %(kind)s, %(began)s::timestamptz, %(ended)s::timestamptz,
       %(detector)s, %(score)s::float8, %(detail)s
WHERE NOT EXISTS (SELECT FROM lengthened)"""

_LIST = f"""
SELECT {_COLUMNS} FROM quality_interval
WHERE stream_id = ANY(%(ids)s) AND started_at < %(end)s AND coalesce(ended_at, 'infinity') > %(start)s
ORDER BY stream_id, started_at, kind"""

# An end that is not known comes after every time there is.
_SPANS = """
SELECT coalesce(array_agg(stream_id), '{}'), coalesce(array_agg(kind), '{}'),
       coalesce(array_agg((extract(epoch FROM started_at) * 1000000)::bigint), '{}'),
       coalesce(array_agg(
           coalesce((extract(epoch FROM ended_at) * 1000000)::bigint, 9223372036854775807)), '{}')
FROM (
    SELECT stream_id, kind, started_at, ended_at FROM quality_interval
    WHERE (%(ids)s::integer[] IS NULL OR stream_id = ANY(%(ids)s))
      AND started_at < %(end)s AND coalesce(ended_at, 'infinity') > %(start)s
    ORDER BY started_at
) AS found"""

_STANDING = """
SELECT stream_id, array_agg(DISTINCT kind ORDER BY kind) FROM quality_interval
WHERE ended_at IS NULL GROUP BY stream_id"""

_AT = f"""
SELECT {_COLUMNS} FROM quality_interval
WHERE started_at <= %(at)s AND coalesce(ended_at, 'infinity') > %(at)s
ORDER BY stream_id, started_at, kind"""


def apply_finding(conn: psycopg.Connection, finding: Finding) -> None:
    """Begin, go on with or end the interval of a finding of sensor health; others change nothing.

    It begins when the fault did, not when it was found. A fault of single readings has an
    interval for each, or for some that follow each other. Applying the same finding again
    changes nothing.
    """
    kind = RULES.get(finding.rule)
    if kind is None:
        return
    row: dict[str, Any] = finding_row(finding) | {
        "kind": str(kind),
        "began": began(finding),
        "ended": ended(finding),
        "of_device": kind in OF_DEVICE,
    }
    spans = bad_spans(finding)
    for began_at, ended_at in spans:
        conn.execute(_SPAN, {**row, "began": began_at, "ended": ended_at})
    if finding.state is FindingState.CLEARED:
        conn.execute(_END, row)
    elif not spans:
        conn.execute(_BEGIN, row)


def list_intervals(
    conn: psycopg.Connection, stream_ids: Sequence[int], start: datetime, end: datetime
) -> list[QualityInterval]:
    """Intervals of some streams that touch ``[start, end)``, by stream and start."""
    parameters = {"ids": list(stream_ids), "start": start, "end": end}
    with conn.cursor(row_factory=kwargs_row(_interval)) as cursor:
        return cursor.execute(_LIST, parameters).fetchall()


def read_spans(
    conn: psycopg.Connection, stream_ids: Sequence[int] | None, start: datetime, end: datetime
) -> Spans:
    """Intervals of some streams, or of all, that touch ``[start, end)``, to mark readings in bulk."""
    ids = None if stream_ids is None else list(stream_ids)
    row = conn.execute(_SPANS, {"ids": ids, "start": start, "end": end}).fetchone()
    assert row is not None  # an aggregate always answers
    kinds = [FLAGS[Fault(kind)] for kind in row[1]]
    starts, ends = (np.asarray(column, np.int64) for column in row[2:])
    return Spans(np.asarray(row[0], np.int32), np.asarray(kinds, np.int16), starts, ends)


def list_standing(conn: psycopg.Connection) -> dict[int, list[str]]:
    """What is the matter with each stream now: kinds of fault by stream id, each in order."""
    return dict(conn.execute(_STANDING).fetchall())


def list_intervals_at(conn: psycopg.Connection, at: datetime) -> list[QualityInterval]:
    """Intervals of all streams that a moment lies in, by stream."""
    with conn.cursor(row_factory=kwargs_row(_interval)) as cursor:
        return cursor.execute(_AT, {"at": at}).fetchall()


def _interval(*, kind: str, **rest: Any) -> QualityInterval:
    return QualityInterval(kind=Fault(kind), **rest)
