"""From findings to alerts: one alert a condition, refreshed while it stands."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from alerts.policy import Step, next_step
from store import alerts as alert_store
from store import anomalies as anomaly_store
from telemetry.alerts import Alert, Finding


def apply_findings(conn: psycopg.Connection, findings: Sequence[Finding]) -> list[Alert]:
    """Write anomalies and open, refresh or resolve their alerts.

    Runs in the caller's transaction, beside the caller's offset: what was found is
    told exactly once. Returns the alerts that changed, in the order of ``findings``.
    """
    changed = (_apply(conn, finding) for finding in findings)
    return [alert for alert in changed if alert is not None]


def _apply(conn: psycopg.Connection, finding: Finding) -> Alert | None:
    anomaly_store.apply_finding(conn, finding)
    standing = alert_store.get_live(conn, finding.key)
    step = next_step(standing, finding)
    if step is Step.NOTHING:
        return None
    if standing is None:
        alert = alert_store.open_alert(conn, finding)
    elif step is Step.RESOLVE:
        alert = alert_store.resolve_alert(conn, standing.alert_id, finding.at)
    else:
        alert = alert_store.refresh_alert(conn, standing.alert_id, finding)
    detail = {"severity": str(finding.severity), "value": finding.value}
    actor = f"detector:{finding.detector}"
    alert_store.add_event(conn, alert.alert_id, finding.at, actor, str(step), detail)
    return alert
