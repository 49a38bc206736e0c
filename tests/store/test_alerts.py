"""Anomalies and alerts: one a condition, every change an event."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from alerts.apply import apply_findings
from store import alerts, anomalies
from telemetry.alerts import AlertStatus, Finding, FindingState, Severity
from telemetry.metrics import Domain

AT = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.fixture
def raised(stream_ids: list[int]) -> Finding:
    return Finding(
        "limits:1:high", FindingState.RAISED, "limits", "limit:water", stream_ids[0], Severity.MINOR, AT,
        value=1.42, expected_high=1.40, detail={"name_vi": "BĐ1"},
    )  # fmt: skip


def later(finding: Finding, state: FindingState, minutes: float = 1, **changes: object) -> Finding:
    at = finding.at + timedelta(minutes=minutes)
    return replace(finding, state=state, at=at, **changes)  # pyright: ignore[reportArgumentType]


def test_a_finding_opens_one_alert_and_says_so_in_its_events(
    conn: psycopg.Connection, raised: Finding
) -> None:
    (alert,) = apply_findings(conn, [raised])
    assert alert.status is AlertStatus.OPEN
    assert (alert.domain, alert.metric, alert.value) == (Domain.TRAFFIC, "speed_kmh", 1.42)
    assert alert.detail["name_vi"] == "BĐ1"
    (again,) = apply_findings(conn, [raised])
    assert again.alert_id == alert.alert_id
    worse = later(raised, FindingState.ONGOING, severity=Severity.MAJOR, value=1.52)
    apply_findings(conn, [worse, later(worse, FindingState.CLEARED)])
    kinds = [event.kind for event in alerts.list_events(conn, alert.alert_id)]
    assert kinds == ["opened", "refreshed", "escalated", "resolved"]
    ended = alerts.get_alert(conn, alert.alert_id)
    assert ended is not None
    assert (ended.status, ended.severity, ended.value) == (AlertStatus.RESOLVED, Severity.MAJOR, 1.52)
    assert ended.resolved_at == AT + timedelta(minutes=2)
    assert alerts.list_live(conn) == []


def test_the_anomaly_has_its_start_its_peak_and_its_end(conn: psycopg.Connection, raised: Finding) -> None:
    worse = later(raised, FindingState.ONGOING, value=1.6, score=9.0)
    lower = later(worse, FindingState.ONGOING, value=1.5, score=4.0)
    apply_findings(conn, [raised, worse, lower, later(lower, FindingState.CLEARED)])
    (anomaly,) = anomalies.list_anomalies(conn, raised.stream_id, AT, AT + timedelta(days=1))
    assert (anomaly.started_at, anomaly.ended_at) == (AT, AT + timedelta(minutes=3))
    assert (anomaly.value, anomaly.score) == (1.5, 9.0)
    assert anomalies.list_standing(conn) == []


def test_a_condition_that_comes_back_is_a_new_alert(conn: psycopg.Connection, raised: Finding) -> None:
    cleared = later(raised, FindingState.CLEARED)
    first, _ = apply_findings(conn, [raised, cleared])
    (second,) = apply_findings(conn, [later(cleared, FindingState.RAISED)])
    assert second.alert_id != first.alert_id


def test_alerts_are_found_by_what_is_asked(
    conn: psycopg.Connection, raised: Finding, stream_ids: list[int]
) -> None:
    others = [replace(raised, key=f"k{i}", stream_id=stream_ids[2]) for i in range(3)]
    apply_findings(conn, [raised, *others, later(others[0], FindingState.CLEARED)])
    assert len(alerts.list_alerts(conn, statuses=[AlertStatus.OPEN])) == 3
    assert len(alerts.list_alerts(conn, domain=Domain.DRAINAGE)) == 3
    assert len(alerts.list_alerts(conn, device_id="loop-1")) == 1
    assert len(alerts.list_alerts(conn, limit=2)) == 2
    assert alerts.list_alerts(conn, before=AT) == []


def test_a_live_feed_reads_what_changed_since(conn: psycopg.Connection, raised: Finding) -> None:
    start = alerts.last_event_id(conn)
    apply_findings(conn, [raised, later(raised, FindingState.ONGOING)])
    ((newest, alert),) = alerts.changed_since(conn, start)
    assert newest == alerts.last_event_id(conn) == start + 2
    assert alert.key == raised.key
    assert alerts.changed_since(conn, newest) == []
