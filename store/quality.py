"""Quality intervals: written beside the findings of sensor health, joined to readings when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import kwargs_row

from store.anomalies import finding_row
from telemetry.alerts import Finding, FindingState
from telemetry.quality import OF_DEVICE, RULES, Fault, QualityInterval, began, ended

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

_LIST = f"""
SELECT {_COLUMNS} FROM quality_interval
WHERE stream_id = ANY(%(ids)s) AND started_at < %(end)s AND coalesce(ended_at, 'infinity') > %(start)s
ORDER BY stream_id, started_at, kind"""

_AT = f"""
SELECT {_COLUMNS} FROM quality_interval
WHERE started_at <= %(at)s AND coalesce(ended_at, 'infinity') > %(at)s
ORDER BY stream_id, started_at, kind"""


def apply_finding(conn: psycopg.Connection, finding: Finding) -> None:
    """Begin, go on with or end the interval of a finding of sensor health; others change nothing.

    It begins when the fault did, not when it was found. Applying the same finding again
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
    conn.execute(_END if finding.state is FindingState.CLEARED else _BEGIN, row)


def list_intervals(
    conn: psycopg.Connection, stream_ids: Sequence[int], start: datetime, end: datetime
) -> list[QualityInterval]:
    """Intervals of some streams that touch ``[start, end)``, by stream and start."""
    parameters = {"ids": list(stream_ids), "start": start, "end": end}
    with conn.cursor(row_factory=kwargs_row(_interval)) as cursor:
        return cursor.execute(_LIST, parameters).fetchall()


def list_intervals_at(conn: psycopg.Connection, at: datetime) -> list[QualityInterval]:
    """Intervals of all streams that a moment lies in, by stream."""
    with conn.cursor(row_factory=kwargs_row(_interval)) as cursor:
        return cursor.execute(_AT, {"at": at}).fetchall()


def _interval(*, kind: str, **rest: Any) -> QualityInterval:
    return QualityInterval(kind=Fault(kind), **rest)
