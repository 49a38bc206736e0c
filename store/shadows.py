"""Shadows: a configuration that runs beside the live one, and what it finds, which alerts nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row, kwargs_row
from psycopg.types.json import Jsonb

from store import audit, steps
from store.anomalies import finding_row
from store.backtests import CHANNEL
from telemetry.alerts import Anomaly, Finding, FindingState, Severity
from telemetry.detection.episodes import Episode
from telemetry.errors import ConflictError, NotFoundError

_SHADOW = """shadow_id, configuration, digest, version, author, reason, started_at, stopped_at,
stopped_by, grades, graded_at"""
_START = f"""
INSERT INTO shadow (configuration, digest, version, author, reason)
VALUES (%(configuration)s, %(digest)s, %(version)s, %(author)s, %(reason)s) RETURNING {_SHADOW}"""
_STOP = f"""
UPDATE shadow SET stopped_at = clock_timestamp(), stopped_by = %s
WHERE shadow_id = %s AND stopped_at IS NULL RETURNING {_SHADOW}"""
_RUNNING = f"SELECT {_SHADOW} FROM shadow WHERE stopped_at IS NULL"
_GET = f"SELECT {_SHADOW} FROM shadow WHERE shadow_id = %s"
_LIST = f"SELECT {_SHADOW} FROM shadow ORDER BY shadow_id DESC LIMIT %s"
_GRADE = """
UPDATE shadow SET grades = %(grades)s, graded_at = clock_timestamp() WHERE shadow_id = %(id)s"""
_NOTIFY = f"SELECT pg_notify('{CHANNEL}', '')"

_RAISE = """
INSERT INTO shadow_anomaly (shadow_id, key, detector, rule, stream_id, severity, started_at, updated_at,
                            value, expected_low, expected_high, score, detail)
VALUES (%(shadow_id)s, %(key)s, %(detector)s, %(rule)s, %(stream_id)s, %(severity)s, %(at)s, %(at)s,
        %(value)s, %(expected_low)s, %(expected_high)s, %(score)s, %(detail)s)
ON CONFLICT (shadow_id, key) WHERE ended_at IS NULL DO UPDATE SET updated_at = excluded.updated_at"""
_UPDATE = """
UPDATE shadow_anomaly SET severity = %(severity)s, updated_at = %(at)s, value = %(value)s,
    expected_low = %(expected_low)s, expected_high = %(expected_high)s,
    score = greatest(score, %(score)s), detail = %(detail)s
WHERE shadow_id = %(shadow_id)s AND key = %(key)s AND ended_at IS NULL"""
_END = """
UPDATE shadow_anomaly SET ended_at = %(at)s, updated_at = %(at)s
WHERE shadow_id = %(shadow_id)s AND key = %(key)s AND ended_at IS NULL"""
_QUERIES: dict[FindingState, LiteralString] = {
    FindingState.RAISED: _RAISE,
    FindingState.ONGOING: _UPDATE,
    FindingState.CLEARED: _END,
}

_STANDING = """
SELECT shadow_anomaly_id AS anomaly_id, key, detector, rule, stream_id, severity, started_at, updated_at,
       ended_at, value, expected_low, expected_high, score, detail
FROM shadow_anomaly WHERE shadow_id = %s AND ended_at IS NULL ORDER BY shadow_anomaly_id"""
_EPISODES = """
SELECT key, detector, rule, stream_id, severity, started_at, ended_at, value, expected_low,
       expected_high, score
FROM shadow_anomaly
WHERE shadow_id = %(id)s AND started_at >= %(start)s AND started_at < %(end)s ORDER BY started_at, key"""
# The detectors' word, not people's: the platform's own alerts have no anomaly.
_LIVE = """
SELECT key, detector, rule, stream_id, severity, started_at, ended_at, value, expected_low,
       expected_high, score
FROM anomaly WHERE started_at >= %(start)s AND started_at < %(end)s AND detector <> 'platform'
ORDER BY started_at, key"""
_FORGET_OFFSET = "DELETE FROM consumer_offset WHERE consumer = ANY(%s)"
_FORGET_MEMORY = "DELETE FROM consumer_snapshot WHERE consumer = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Shadow:
    """A configuration and the time it runs, or ran."""

    shadow_id: int
    configuration: dict[str, Any]
    digest: str
    version: int | None
    author: str
    reason: str
    started_at: datetime
    stopped_at: datetime | None
    stopped_by: str | None
    grades: dict[str, dict[str, Any]] | None = None
    """Summaries of ``live`` and ``shadow`` against the labels of its time, as of ``graded_at``."""
    graded_at: datetime | None = None


def start(
    conn: psycopg.Connection,
    configuration: Mapping[str, Any],
    digest: str,
    author: str,
    reason: str,
    version: int | None = None,
) -> Shadow:
    """Let a configuration run beside the live one; `ConflictError` where one does already."""
    other = running(conn)
    if other is not None:
        raise ConflictError(
            f"shadow {other.shadow_id} of {other.author} runs; stop it first", actor=other.author
        )
    row = {
        "configuration": Jsonb(dict(configuration)),
        "digest": digest,
        "version": version,
        "author": author,
        "reason": reason,
    }
    with conn.cursor(row_factory=class_row(Shadow)) as cursor:
        made = cursor.execute(_START, row).fetchone()
    assert made is not None  # an insert returns its row
    detail = {"digest": digest, "version": version, "reason": reason}
    audit.record(conn, author, "shadow.start", str(made.shadow_id), detail)
    conn.execute(_NOTIFY)
    return made


def stop(conn: psycopg.Connection, shadow_id: int, actor: str) -> Shadow:
    """End a shadow; what it found stays, its memory goes.

    Raises
    ------
    NotFoundError
        There is no such shadow.
    ConflictError
        It has ended.
    """
    with conn.cursor(row_factory=class_row(Shadow)) as cursor:
        stopped = cursor.execute(_STOP, (actor, shadow_id)).fetchone()
    if stopped is None:
        raise ConflictError(f"shadow {get(conn, shadow_id).shadow_id} has ended")
    forget(conn, shadow_id)
    audit.record(conn, actor, "shadow.stop", str(shadow_id))
    conn.execute(_NOTIFY)
    return stopped


def keep_grades(conn: psycopg.Connection, shadow_id: int, grades: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep how a shadow and what ran live do against labels."""
    conn.execute(_GRADE, {"id": shadow_id, "grades": Jsonb(dict(grades))})


def forget(conn: psycopg.Connection, shadow_id: int) -> None:
    """Let go of how far a shadow has read, and of its memory."""
    kept = [consumer_of(shadow_id), models_of(shadow_id)]
    conn.execute(_FORGET_OFFSET, (kept,))
    conn.execute(_FORGET_MEMORY, (kept,))
    steps.forget_steps(conn, consumer_of(shadow_id))


def consumer_of(shadow_id: int) -> str:
    """The name that a shadow's offset and state are kept under."""
    return f"shadow-{shadow_id}"


def models_of(shadow_id: int) -> str:
    """The name that what a shadow learnt is kept under."""
    return f"shadow-{shadow_id}-models"


def running(conn: psycopg.Connection) -> Shadow | None:
    """The shadow that runs, if one does."""
    with conn.cursor(row_factory=class_row(Shadow)) as cursor:
        return cursor.execute(_RUNNING).fetchone()


def get(conn: psycopg.Connection, shadow_id: int) -> Shadow:
    """A shadow; `NotFoundError` where there is none."""
    with conn.cursor(row_factory=class_row(Shadow)) as cursor:
        found = cursor.execute(_GET, (shadow_id,)).fetchone()
    if found is None:
        raise NotFoundError("shadow", shadow_id)
    return found


def list_shadows(conn: psycopg.Connection, limit: int = 50) -> list[Shadow]:
    """The newest shadows first."""
    with conn.cursor(row_factory=class_row(Shadow)) as cursor:
        return cursor.execute(_LIST, (limit,)).fetchall()


def apply_findings(conn: psycopg.Connection, shadow_id: int, findings: Sequence[Finding]) -> None:
    """Write findings down beside the live ones; as `store.anomalies.apply_findings`, for a shadow."""
    for finding in findings:
        conn.execute(_QUERIES[finding.state], {**finding_row(finding), "shadow_id": shadow_id})


def list_standing(conn: psycopg.Connection, shadow_id: int) -> list[Anomaly]:
    """What a shadow has found that has not ended."""
    with conn.cursor(row_factory=kwargs_row(_anomaly)) as cursor:
        return cursor.execute(_STANDING, (shadow_id,)).fetchall()


def list_episodes(conn: psycopg.Connection, shadow_id: int, start: datetime, end: datetime) -> list[Episode]:
    """What a shadow found that began in ``[start, end)``, without pictures."""
    with conn.cursor(row_factory=kwargs_row(_episode)) as cursor:
        return cursor.execute(_EPISODES, {"id": shadow_id, "start": start, "end": end}).fetchall()


def list_live_episodes(conn: psycopg.Connection, start: datetime, end: datetime) -> list[Episode]:
    """What the live configuration found that began in ``[start, end)``, without pictures."""
    with conn.cursor(row_factory=kwargs_row(_episode)) as cursor:
        return cursor.execute(_LIVE, {"start": start, "end": end}).fetchall()


def _episode(*, severity: str, **rest: Any) -> Episode:
    return Episode(severity=Severity(severity), **rest)


def _anomaly(*, severity: str, **rest: Any) -> Anomaly:
    return Anomaly(severity=Severity(severity), **rest)
