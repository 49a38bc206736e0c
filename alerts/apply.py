"""From findings to alerts: one alert a condition, refreshed while it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg

from alerts.lifecycle import Change, Kind, evolve, of_finding
from alerts.policy import next_kind
from store import alerts as alert_store
from store import anomalies as anomaly_store
from store import quality as quality_store
from telemetry.alerts import Alert, Finding
from telemetry.quality import RULES


def apply_findings(conn: psycopg.Connection, findings: Sequence[Finding]) -> list[Alert]:
    """Write anomalies and quality intervals, and open, refresh or resolve alerts.

    Runs in the caller's transaction, beside the caller's offset: what was found is
    told exactly once. Returns the alerts that changed, those of one key in the order of
    ``findings``. When a whole district falls silent, hundreds come at once and are written
    together: one by one, each would wait half a dozen times for the database.
    """
    return [alert for turn in _turns(findings) for alert in _apply(conn, turn)]


def _turns(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    """The findings in turns that hold a key once, each key's in order."""
    rest = list(findings)
    while rest:
        turn: dict[str, Finding] = {}
        later = [finding for finding in rest if turn.setdefault(finding.key, finding) is not finding]
        yield list(turn.values())
        rest = later


def _apply(conn: psycopg.Connection, findings: Sequence[Finding]) -> list[Alert]:
    """Findings of different keys."""
    anomaly_store.apply_findings(conn, findings)
    of_health = [finding for finding in findings if finding.rule in RULES]
    if of_health:
        with conn.pipeline():
            for finding in of_health:
                quality_store.apply_finding(conn, finding)
    standing, last = _before(conn, [finding.key for finding in findings])
    opened: dict[str, Finding] = {}
    evolved: dict[str, Alert] = {}
    changes: dict[str, Change] = {}
    for finding in findings:
        key = finding.key
        kind = next_kind(standing.get(key), last.get(key), finding)
        if kind is None:
            continue
        changes[key] = of_finding(kind, finding)
        before = standing.get(key) or last.get(key)
        if kind is Kind.OPENED or before is None:
            opened[key] = finding
        else:
            evolved[key] = evolve(before, changes[key])
    alert_store.save_alerts(conn, list(evolved.values()))
    alerts = evolved | {one.key: one for one in alert_store.open_alerts(conn, list(opened.values()))}
    alert_store.add_events(
        conn,
        [(alerts[key].alert_id, c.at, c.actor, str(c.kind), c.detail) for key, c in changes.items()],
    )
    return [alerts[key] for key in changes]


def _before(conn: psycopg.Connection, keys: Sequence[str]) -> tuple[dict[str, Alert], dict[str, Alert]]:
    """The live alerts of conditions, and of those that had none the newest that ended."""
    standing, last = alert_store.take_live(conn, keys), dict[str, Alert]()
    missing = [key for key in keys if key not in standing]
    if missing:
        # Nobody reopens an alert of these conditions while we decide whether to open one.
        alert_store.hold_keys(conn, missing)
        standing |= alert_store.take_live(conn, missing)
        last = alert_store.take_last(conn, missing)
    return standing, last
