"""What a finding does to an alert."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts.policy import Step, next_step
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


@pytest.mark.parametrize(
    ("standing", "found", "step"),
    [
        (None, finding(FindingState.RAISED), Step.OPEN),
        (None, finding(FindingState.ONGOING), Step.NOTHING),
        (None, finding(FindingState.CLEARED), Step.NOTHING),
        (alert(), finding(FindingState.RAISED), Step.REFRESH),
        (alert(), finding(FindingState.ONGOING), Step.REFRESH),
        (alert(), finding(FindingState.ONGOING, Severity.CRITICAL), Step.ESCALATE),
        (alert(), finding(FindingState.ONGOING, Severity.MINOR), Step.REFRESH),
        (alert(), finding(FindingState.CLEARED), Step.RESOLVE),
    ],
)
def test_next_step(standing: Alert | None, found: Finding, step: Step) -> None:
    assert next_step(standing, found) is step
