"""Anomalies (what a detector saw) and alerts (what a person is told)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from telemetry.metrics import Domain


class Severity(StrEnum):
    """How bad it is, mildest first."""

    INFO = "info"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info … 3 for critical."""
        return _SEVERITIES.index(self)


_SEVERITIES = tuple(Severity)


class AlertStatus(StrEnum):
    """Where an alert stands in its life."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"


LIVE_STATUSES = (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED, AlertStatus.IN_PROGRESS)
"""An alert in one of these still stands; there is at most one such per key."""


class Verdict(StrEnum):
    """What people found an alert to have been."""

    TRUE = "true"
    FALSE = "false"
    NUISANCE = "nuisance"
    """Right, and not worth telling."""


UNWATCHED = "no longer watched"
"""Why a condition ended that is not over: nothing looks at it any more."""


class FindingState(StrEnum):
    """What a detector says of a condition at one moment."""

    RAISED = "raised"
    """It has just begun."""
    ONGOING = "ongoing"
    """It stands, and something worth telling changed (severity, peak)."""
    CLEARED = "cleared"
    """It has ended."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A detector's word on one condition of one stream at one moment.

    ``key`` names the condition for good (``silence:17``): while it stands there is
    one anomaly and one alert of that key. ``value`` and the expected range are in
    the stream's unit and may be absent. ``detail`` is the picture data and the
    terms that fired; JSON types only.
    """

    key: str
    state: FindingState
    detector: str
    rule: str
    stream_id: int
    severity: Severity
    at: datetime
    value: float | None = None
    expected_low: float | None = None
    expected_high: float | None = None
    score: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A condition a detector saw on a stream, from its start to its end."""

    anomaly_id: int
    key: str
    detector: str
    rule: str
    stream_id: int
    severity: Severity
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    value: float | None
    expected_low: float | None
    expected_high: float | None
    score: float | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Alert:
    """What an operator is told, and what became of it.

    ``metric`` and ``rule`` with ``value``, the expected range and ``detail`` are
    what the screen makes a sentence of, in the reader's language. ``version`` rises
    with every change a person's decision rests on (status, assignee, verdict), so that
    of two who act at once one is told what the other did.
    """

    alert_id: int
    key: str
    device_id: str
    stream_id: int
    metric: str
    domain: Domain
    detector: str
    rule: str
    severity: Severity
    status: AlertStatus
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    value: float | None
    expected_low: float | None
    expected_high: float | None
    detail: Mapping[str, Any]
    acknowledged_by: str | None = None
    assignee: str | None = None
    verdict: Verdict | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One change of an alert: who, when, what."""

    alert_event_id: int
    alert_id: int
    at: datetime
    actor: str
    kind: str
    detail: Mapping[str, Any]
