"""What a finding does to an alert."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.lifecycle import FLAP_HOLD_S, Kind
from alerts.policy import CLOSING, closing, next_kind
from telemetry.alerts import Alert, AlertStatus, Finding, FindingState, Severity
from telemetry.metrics import Domain

AT = datetime(2026, 11, 23, tzinfo=UTC)


def finding(state: FindingState, severity: Severity = Severity.MAJOR) -> Finding:
    return Finding("limits:1", state, "limits", "limit:water", 1, severity, AT)


def alert(severity: Severity = Severity.MAJOR) -> Alert:
    return Alert(
        1, "limits:1", "d", 1, "water_level_m", Domain.DRAINAGE, "limits", "limit:water", severity,
        AlertStatus.OPEN, AT, AT, None, 1.5, None, 1.4, {},
    )  # fmt: skip


def ended(seconds_ago: float, status: AlertStatus = AlertStatus.RESOLVED) -> Alert:
    return replace(alert(), status=status, resolved_at=AT - timedelta(seconds=seconds_ago))


RAISED, ONGOING, CLEARED = FindingState.RAISED, FindingState.ONGOING, FindingState.CLEARED


@pytest.mark.parametrize(
    ("standing", "last", "found", "kind"),
    [
        (None, None, finding(RAISED), Kind.OPENED),
        (None, None, finding(ONGOING), None),
        (None, None, finding(CLEARED), None),
        (alert(), None, finding(RAISED), Kind.REFRESHED),
        (alert(), None, finding(ONGOING), Kind.REFRESHED),
        (alert(), None, finding(ONGOING, Severity.CRITICAL), Kind.ESCALATED),
        (alert(), None, finding(ONGOING, Severity.MINOR), Kind.REFRESHED),
        (alert(), None, finding(CLEARED), Kind.RESOLVED),
        (None, ended(FLAP_HOLD_S), finding(RAISED), Kind.RETURNED),
        (None, ended(FLAP_HOLD_S + 1), finding(RAISED), Kind.OPENED),
        (None, ended(5, AlertStatus.CLOSED), finding(RAISED), Kind.OPENED),
        (None, ended(5), finding(ONGOING), None),
        (None, ended(5), finding(ONGOING, Severity.CRITICAL), Kind.OPENED),
        (None, ended(5), finding(CLEARED), None),
    ],
)
def test_next_kind(standing: Alert | None, last: Alert | None, found: Finding, kind: Kind | None) -> None:
    assert next_kind(standing, last, found) is kind


@pytest.mark.parametrize(
    ("what", "closes"),
    [
        (ended(3600), True),
        (ended(3599), False),
        (ended(3600, AlertStatus.CLOSED), False),
        (alert(), False),
    ],
    ids=["in time", "too early", "closed already", "still standing"],
)
def test_a_resolved_alert_closes_after_its_time(what: Alert, closes: bool):
    change = closing(what, AT, timedelta(hours=1))
    assert (change is not None) == closes
    if change:
        assert (change.kind, change.actor, change.detail) == (Kind.CLOSED, CLOSING, {"after_h": 1.0})


def test_closing_is_never_before_what_it_follows():
    commented = replace(ended(7200), updated_at=AT + timedelta(seconds=5))
    change = closing(commented, AT, timedelta(hours=1))
    assert change is not None
    assert change.at == commented.updated_at
