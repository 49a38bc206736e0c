"""Alerts and the events of their lives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row, kwargs_row
from psycopg.types.json import Jsonb

from store.anomalies import finding_row
from telemetry.alerts import LIVE_STATUSES, Alert, AlertEvent, AlertStatus, Finding, Severity, Verdict
from telemetry.metrics import Domain

CHANNEL = "alert"

ALERT_COLUMNS = """alert_id, key, device_id, stream_id, metric, domain, detector, rule, severity, status,
opened_at, updated_at, resolved_at, value, expected_low, expected_high, detail,
acknowledged_by, assignee, verdict, version"""

_OPEN = f"""
INSERT INTO alert (key, device_id, stream_id, metric, domain, detector, rule, severity, status,
                   opened_at, updated_at, value, expected_low, expected_high, detail)
SELECT %(key)s, device_id, stream_id, metric, domain, %(detector)s, %(rule)s, %(severity)s, 'open',
       %(at)s, %(at)s, %(value)s, %(expected_low)s, %(expected_high)s, %(detail)s
FROM stream JOIN device USING (device_id) WHERE stream_id = %(stream_id)s
RETURNING {ALERT_COLUMNS}"""

_SAVE = """
UPDATE alert SET severity = %(severity)s, status = %(status)s, updated_at = %(updated_at)s,
    resolved_at = %(resolved_at)s, value = %(value)s, expected_low = %(expected_low)s,
    expected_high = %(expected_high)s, detail = %(detail)s, acknowledged_by = %(acknowledged_by)s,
    assignee = %(assignee)s, verdict = %(verdict)s, version = %(version)s
WHERE alert_id = %(alert_id)s"""

_LIVE = "status = ANY(%(live)s)"
_GET_LIVE = f"""
SELECT {ALERT_COLUMNS} FROM alert WHERE key = ANY(%(keys)s) AND {_LIVE} ORDER BY alert_id FOR UPDATE"""
_LIST_LIVE = f"SELECT {ALERT_COLUMNS} FROM alert WHERE {_LIVE} ORDER BY opened_at DESC, alert_id DESC"
_LIST = f"""
SELECT {ALERT_COLUMNS} FROM alert
WHERE (%(statuses)s::text[] IS NULL OR status = ANY(%(statuses)s))
  AND (%(domain)s::text IS NULL OR domain = %(domain)s)
  AND (%(device_id)s::text IS NULL OR device_id = %(device_id)s)
  AND (%(before)s::timestamptz IS NULL OR opened_at < %(before)s)
ORDER BY opened_at DESC, alert_id DESC LIMIT %(limit)s"""
_GET = f"SELECT {ALERT_COLUMNS} FROM alert WHERE alert_id = %(alert_id)s"
_LOCK = f"{_GET} FOR UPDATE"
_GET_LAST = f"""
SELECT {ALERT_COLUMNS} FROM alert WHERE alert_id IN (
    SELECT max(alert_id) FROM alert WHERE key = ANY(%(keys)s) AND NOT {_LIVE} GROUP BY key
) ORDER BY alert_id FOR UPDATE"""
_TO_CLOSE = f"""
SELECT {ALERT_COLUMNS} FROM alert WHERE status = 'resolved' AND resolved_at <= %(before)s
ORDER BY resolved_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED"""
_HOLD_KEYS = """
SELECT pg_advisory_xact_lock(hashtextextended('cityops alert ' || key, 0)) FROM unnest(%s::text[]) AS key"""

_ADD_EVENT = """
INSERT INTO alert_event (alert_id, at, actor, kind, detail) VALUES (%s, %s, %s, %s, %s)
RETURNING pg_notify('alert', alert_id::text)"""
_EVENTS = """
SELECT alert_event_id, alert_id, at, actor, kind, detail FROM alert_event
WHERE alert_id = %s ORDER BY alert_event_id"""
_LAST_EVENT = "SELECT coalesce(max(alert_event_id), 0) FROM alert_event"
_CHANGED = f"""
SELECT newest, {ALERT_COLUMNS} FROM (
    SELECT alert_id, max(alert_event_id) AS newest FROM alert_event
    WHERE alert_event_id > %s GROUP BY alert_id
) AS change JOIN alert USING (alert_id) ORDER BY newest"""

_SAVED = (
    "alert_id", "updated_at", "resolved_at", "value", "expected_low", "expected_high",
    "acknowledged_by", "assignee", "version",
)  # fmt: skip
_LIVE_ROW = {"live": [str(status) for status in LIVE_STATUSES]}


def open_alert(conn: psycopg.Connection, finding: Finding) -> Alert:
    """Open the alert of a finding. There must be no live one of its key."""
    return _one(conn, _OPEN, finding_row(finding))


def open_alerts(conn: psycopg.Connection, findings: Sequence[Finding]) -> list[Alert]:
    """`open_alert` for findings of different keys, in their order."""
    opened: list[Alert] = []
    if findings:
        with alert_cursor(conn) as cursor:
            cursor.executemany(_OPEN, [finding_row(finding) for finding in findings], returning=True)
            more: bool | None = True
            while more:
                opened += cursor.fetchall()
                more = cursor.nextset()
    return opened


def save_alert(conn: psycopg.Connection, alert: Alert) -> None:
    """Write an alert's changed state; its event is the caller's to add."""
    save_alerts(conn, [alert])


def save_alerts(conn: psycopg.Connection, alerts: Sequence[Alert]) -> None:
    """`save_alert` for different alerts."""
    if alerts:
        with conn.cursor() as cursor:
            cursor.executemany(_SAVE, [_saved_row(alert) for alert in alerts])


def _saved_row(alert: Alert) -> dict[str, Any]:
    return {
        **{name: getattr(alert, name) for name in _SAVED},
        "severity": str(alert.severity),
        "status": str(alert.status),
        "verdict": None if alert.verdict is None else str(alert.verdict),
        "detail": Jsonb(dict(alert.detail)),
    }


def hold_keys(conn: psycopg.Connection, keys: Sequence[str]) -> None:
    """Be alone in bringing alerts of these conditions to life, until the transaction ends."""
    conn.execute(_HOLD_KEYS, (sorted(keys),))


def lock_alert(conn: psycopg.Connection, alert_id: int) -> Alert:
    """One alert, locked until the transaction ends; it must exist."""
    return _one(conn, _LOCK, {"alert_id": alert_id})


def take_last(conn: psycopg.Connection, keys: Sequence[str]) -> dict[str, Alert]:
    """The newest alert that no longer stands of each of these conditions that has one, locked."""
    with alert_cursor(conn) as cursor:
        found = cursor.execute(_GET_LAST, {"keys": list(keys), **_LIVE_ROW}).fetchall()
    return {alert.key: alert for alert in found}


def take_live(conn: psycopg.Connection, keys: Sequence[str]) -> dict[str, Alert]:
    """The live alert of each of these conditions that has one, locked until the transaction ends."""
    with alert_cursor(conn) as cursor:
        found = cursor.execute(_GET_LIVE, {"keys": list(keys), **_LIVE_ROW}).fetchall()
    return {alert.key: alert for alert in found}


def get_alert(conn: psycopg.Connection, alert_id: int) -> Alert | None:
    """One alert by id."""
    with alert_cursor(conn) as cursor:
        return cursor.execute(_GET, {"alert_id": alert_id}).fetchone()


def take_resolved(conn: psycopg.Connection, before: datetime, limit: int) -> list[Alert]:
    """Alerts resolved before a time, oldest first, locked; those someone works on now are left out."""
    with alert_cursor(conn) as cursor:
        return cursor.execute(_TO_CLOSE, {"before": before, "limit": limit}).fetchall()


def list_live(conn: psycopg.Connection) -> list[Alert]:
    """Alerts that stand now, newest first."""
    with alert_cursor(conn) as cursor:
        return cursor.execute(_LIST_LIVE, _LIVE_ROW).fetchall()


def list_alerts(
    conn: psycopg.Connection,
    *,
    statuses: Sequence[AlertStatus] | None = None,
    domain: Domain | None = None,
    device_id: str | None = None,
    before: datetime | None = None,
    limit: int = 200,
) -> list[Alert]:
    """Alerts that match every filter given, newest first."""
    parameters = {
        "statuses": None if statuses is None else [str(status) for status in statuses],
        "domain": domain,
        "device_id": device_id,
        "before": before,
        "limit": limit,
    }
    with alert_cursor(conn) as cursor:
        return cursor.execute(_LIST, parameters).fetchall()


def add_event(
    conn: psycopg.Connection,
    alert_id: int,
    at: datetime,
    actor: str,
    kind: str,
    detail: Mapping[str, Any],
) -> None:
    """Write down one change of an alert and wake those who watch."""
    add_events(conn, [(alert_id, at, actor, kind, detail)])


def add_events(
    conn: psycopg.Connection, events: Sequence[tuple[int, datetime, str, str, Mapping[str, Any]]]
) -> None:
    """`add_event` for several, in this order."""
    if events:
        with conn.cursor() as cursor:
            cursor.executemany(_ADD_EVENT, [(*event[:4], Jsonb(dict(event[4]))) for event in events])


def list_events(conn: psycopg.Connection, alert_id: int) -> list[AlertEvent]:
    """The life of one alert, oldest first."""
    with conn.cursor(row_factory=class_row(AlertEvent)) as cursor:
        return cursor.execute(_EVENTS, (alert_id,)).fetchall()


def last_event_id(conn: psycopg.Connection) -> int:
    """The newest event's id, 0 where there is none: where a live feed starts."""
    row = conn.execute(_LAST_EVENT).fetchone()
    return int(row[0]) if row else 0


def changed_since(conn: psycopg.Connection, alert_event_id: int) -> list[tuple[int, Alert]]:
    """Alerts with an event after the given one: the newest event's id, and the alert now."""
    with conn.cursor(row_factory=kwargs_row(_change)) as cursor:
        return cursor.execute(_CHANGED, (alert_event_id,)).fetchall()


def listen(conn: psycopg.Connection) -> None:
    """Listen for changed alerts; then wait with ``conn.notifies(timeout=…)``, in autocommit."""
    conn.execute(f"LISTEN {CHANNEL}")


def alert_cursor(conn: psycopg.Connection) -> psycopg.Cursor[Alert]:
    """A cursor whose rows, of `ALERT_COLUMNS`, are alerts."""
    return conn.cursor(row_factory=kwargs_row(_alert))


def _one(conn: psycopg.Connection, query: LiteralString, parameters: Mapping[str, Any]) -> Alert:
    with alert_cursor(conn) as cursor:
        alert = cursor.execute(query, parameters).fetchone()
    assert alert is not None  # the callers hold a key or an id that exists
    return alert


def _alert(*, severity: str, status: str, domain: str, verdict: str | None, **rest: Any) -> Alert:
    return Alert(
        severity=Severity(severity),
        status=AlertStatus(status),
        domain=Domain(domain),
        verdict=Verdict(verdict) if verdict else None,
        **rest,
    )


def _change(*, newest: int, **rest: Any) -> tuple[int, Alert]:
    return newest, _alert(**rest)
