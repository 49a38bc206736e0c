"""Anomalies: what detectors saw, from its start to its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from telemetry.alerts import Anomaly, Finding, FindingState, Severity

_COLUMNS = """anomaly_id, key, detector, rule, stream_id, severity, started_at, updated_at,
ended_at, value, expected_low, expected_high, score, detail"""

_RAISE = """
INSERT INTO anomaly (key, detector, rule, stream_id, severity, started_at, updated_at,
                     value, expected_low, expected_high, score, detail)
VALUES (%(key)s, %(detector)s, %(rule)s, %(stream_id)s, %(severity)s, %(at)s, %(at)s,
        %(value)s, %(expected_low)s, %(expected_high)s, %(score)s, %(detail)s)
ON CONFLICT (key) WHERE ended_at IS NULL DO UPDATE SET updated_at = excluded.updated_at"""

_UPDATE = """
UPDATE anomaly SET severity = %(severity)s, updated_at = %(at)s, value = %(value)s,
    expected_low = %(expected_low)s, expected_high = %(expected_high)s,
    score = greatest(score, %(score)s), detail = %(detail)s
WHERE key = %(key)s AND ended_at IS NULL"""

_END = """
UPDATE anomaly SET ended_at = %(at)s, updated_at = %(at)s
WHERE key = %(key)s AND ended_at IS NULL"""

_LIST = f"""
SELECT {_COLUMNS} FROM anomaly
WHERE stream_id = %s AND started_at < %s AND coalesce(ended_at, 'infinity') >= %s
ORDER BY started_at"""

_STANDING = f"SELECT {_COLUMNS} FROM anomaly WHERE ended_at IS NULL ORDER BY anomaly_id"

_QUERIES: dict[FindingState, LiteralString] = {
    FindingState.RAISED: _RAISE,
    FindingState.ONGOING: _UPDATE,
    FindingState.CLEARED: _END,
}


def apply_findings(conn: psycopg.Connection, findings: Sequence[Finding]) -> None:
    """Write findings of different keys down: begin, go on with or end the anomaly of each.

    An end or a change that meets no standing anomaly, and the same finding again, change
    nothing.
    """
    with conn.cursor() as cursor:
        for state, query in _QUERIES.items():
            rows = [finding_row(finding) for finding in findings if finding.state is state]
            if rows:
                cursor.executemany(query, rows)


def list_anomalies(conn: psycopg.Connection, stream_id: int, start: datetime, end: datetime) -> list[Anomaly]:
    """Anomalies of a stream that touch ``[start, end)``, oldest first."""
    with conn.cursor(row_factory=kwargs_row(_anomaly)) as cursor:
        return cursor.execute(_LIST, (stream_id, end, start)).fetchall()


def list_standing(conn: psycopg.Connection) -> list[Anomaly]:
    """Anomalies that have not ended."""
    with conn.cursor(row_factory=kwargs_row(_anomaly)) as cursor:
        return cursor.execute(_STANDING).fetchall()


def finding_row(finding: Finding) -> dict[str, Any]:
    """The named parameters a finding gives to a query."""
    return {
        "key": finding.key,
        "detector": finding.detector,
        "rule": finding.rule,
        "stream_id": finding.stream_id,
        "severity": str(finding.severity),
        "at": finding.at,
        "value": finding.value,
        "expected_low": finding.expected_low,
        "expected_high": finding.expected_high,
        "score": finding.score,
        "detail": Jsonb(dict(finding.detail)),
    }


def _anomaly(*, severity: str, **rest: Any) -> Anomaly:
    return Anomaly(severity=Severity(severity), **rest)
