"""When alerts stood: what a course of their number over time is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from telemetry.alerts import LIVE_STATUSES

_SPANS = """
SELECT opened_at, CASE WHEN status = ANY(%(live)s) THEN NULL ELSE coalesce(resolved_at, updated_at) END
           AS ended_at,
       rule = 'silence' OR key LIKE 'silence:%%' AS silence, device_id
FROM alert
WHERE status = ANY(%(live)s) OR coalesce(resolved_at, updated_at) >= %(since)s
ORDER BY opened_at"""


@dataclass(frozen=True, slots=True)
class AlertSpan:
    """From when to when an alert stood; ``ended_at`` is None while it does."""

    opened_at: datetime
    ended_at: datetime | None
    silence: bool
    device_id: str


def list_spans(conn: psycopg.Connection, since: datetime) -> list[AlertSpan]:
    """The alerts that stood at some time since then, by opening."""
    row = {"since": since, "live": [str(status) for status in LIVE_STATUSES]}
    with conn.cursor(row_factory=class_row(AlertSpan)) as cursor:
        return cursor.execute(_SPANS, row).fetchall()
