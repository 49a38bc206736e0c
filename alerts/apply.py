"""From findings to alerts: one alert a condition, refreshed while it stands."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from alerts.lifecycle import Kind, evolve, of_finding
from alerts.policy import next_kind
from store import alerts as alert_store
from store import anomalies as anomaly_store
from store import quality as quality_store
from telemetry.alerts import Alert, Finding


def apply_findings(conn: psycopg.Connection, findings: Sequence[Finding]) -> list[Alert]:
    """Write anomalies and quality intervals, and open, refresh or resolve alerts.

    Runs in the caller's transaction, beside the caller's offset: what was found is
    told exactly once. Returns the alerts that changed, in the order of ``findings``.
    """
    changed = (_apply(conn, finding) for finding in findings)
    return [alert for alert in changed if alert is not None]


def _apply(conn: psycopg.Connection, finding: Finding) -> Alert | None:
    anomaly_store.apply_finding(conn, finding)
    quality_store.apply_finding(conn, finding)
    standing, last = alert_store.get_live(conn, finding.key), None
    if standing is None:
        # Nobody reopens an alert of this condition while we decide whether to open one.
        alert_store.hold_key(conn, finding.key)
        standing = alert_store.get_live(conn, finding.key)
        last = alert_store.get_last(conn, finding.key)
    kind = next_kind(standing, last, finding)
    if kind is None:
        return None
    change = of_finding(kind, finding)
    before = standing or last
    if kind is Kind.OPENED or before is None:
        alert = alert_store.open_alert(conn, finding)
    else:
        alert = evolve(before, change)
        alert_store.save_alert(conn, alert)
    alert_store.add_event(conn, alert.alert_id, change.at, change.actor, str(kind), change.detail)
    return alert
