"""The life of an alert: what may follow what, as a fold over its events. Pure.

::

    open ──► acknowledged ──► in progress          a person
      └────────────┴───────────────┴──► resolved   a person, or the end of the condition
                                           │
              open ◄── reopened ───────────┴──► closed   a person, or time alone

A condition that comes back within `FLAP_HOLD_S` of its end returns to the same alert, and
to the person who had acknowledged it. `evolve` is the only place where an alert changes;
what is stored is what it made, so an alert can be rebuilt from its events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from telemetry.alerts import LIVE_STATUSES, Alert, AlertStatus, Finding, Severity, Verdict
from telemetry.errors import ConflictError

FLAP_HOLD_S: Final = 600.0
"""Seconds after its end within which a condition that comes back is the same alert: two
reporting intervals of the slowest devices (300 s)."""


class Kind(StrEnum):
    """What happened; the kind of an alert's event."""

    OPENED = "opened"
    REFRESHED = "refreshed"
    ESCALATED = "escalated"
    RETURNED = "returned"
    ACKNOWLEDGED = "acknowledged"
    STARTED = "started"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    JUDGED = "judged"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True)
class Change:
    """One event: what, when, who and its facts.

    Who is ``detector:limits``, ``system:closing`` or a person's name.
    """

    kind: Kind
    at: datetime
    actor: str
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])


_LIVE = frozenset(LIVE_STATUSES)
_ENDED = frozenset({AlertStatus.RESOLVED, AlertStatus.CLOSED})
_ANY = _LIVE | _ENDED
_FROM: Final[dict[Kind, frozenset[AlertStatus]]] = {
    Kind.OPENED: frozenset(),
    Kind.REFRESHED: _LIVE,
    Kind.ESCALATED: _LIVE,
    Kind.RETURNED: frozenset({AlertStatus.RESOLVED}),
    Kind.ACKNOWLEDGED: frozenset({AlertStatus.OPEN}),
    Kind.STARTED: frozenset({AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED}),
    Kind.ASSIGNED: _ANY - {AlertStatus.CLOSED},
    Kind.COMMENTED: _ANY,
    Kind.JUDGED: _ANY,
    Kind.RESOLVED: _LIVE,
    Kind.CLOSED: frozenset({AlertStatus.RESOLVED}),
    Kind.REOPENED: _ENDED,
}
"""From which statuses each kind may follow."""

_SILENT = frozenset({Kind.REFRESHED, Kind.ESCALATED, Kind.COMMENTED})
"""Kinds that leave the version: no decision rests on them."""

_FACTS = ("value", "expected_low", "expected_high")


def allowed(status: AlertStatus, kind: Kind) -> bool:
    """Whether an alert in this status may take a change of this kind."""
    return status in _FROM[kind]


def evolve(alert: Alert, change: Change) -> Alert:
    """The alert after a change.

    Raises
    ------
    ConflictError
        The change does not fit where the alert stands.
    """
    if not allowed(alert.status, change.kind):
        raise ConflictError(f"an alert that is {alert.status} cannot be {change.kind}")
    version = alert.version + (change.kind not in _SILENT)
    return replace(alert, updated_at=change.at, version=version, **_changed(alert, change))


def born(blank: Alert, change: Change) -> Alert:
    """The alert that its first event opens; ``blank`` gives what never changes."""
    return replace(
        blank,
        status=AlertStatus.OPEN,
        opened_at=change.at,
        updated_at=change.at,
        resolved_at=None,
        acknowledged_by=None,
        assignee=None,
        verdict=None,
        version=1,
        **_found(change),
    )


def rebuild(blank: Alert, changes: Iterable[Change]) -> Alert:
    """The alert its events make, oldest first; the first is its opening."""
    rest = iter(changes)
    alert = born(blank, next(rest))
    for change in rest:
        alert = evolve(alert, change)
    return alert


def of_finding(kind: Kind, finding: Finding) -> Change:
    """The change a detector's finding makes."""
    facts: dict[str, Any] = {"severity": str(finding.severity)}
    facts |= {name: getattr(finding, name) for name in _FACTS}
    if kind is not Kind.RESOLVED:
        facts["detail"] = dict(finding.detail)
    elif "reason" in finding.detail:
        facts["reason"] = finding.detail["reason"]
    return Change(kind, finding.at, f"detector:{finding.detector}", facts)


def _changed(alert: Alert, change: Change) -> dict[str, Any]:
    match change.kind:
        case Kind.REFRESHED | Kind.ESCALATED:
            return _found(change)
        case Kind.RETURNED:
            back = AlertStatus.ACKNOWLEDGED if alert.acknowledged_by else AlertStatus.OPEN
            return {**_found(change), "status": back, "resolved_at": None}
        case Kind.ACKNOWLEDGED:
            return {"status": AlertStatus.ACKNOWLEDGED, "acknowledged_by": change.actor}
        case Kind.STARTED:
            return {
                "status": AlertStatus.IN_PROGRESS,
                "acknowledged_by": alert.acknowledged_by or change.actor,
                "assignee": alert.assignee or change.actor,
            }
        case Kind.RESOLVED:
            return {"status": AlertStatus.RESOLVED, "resolved_at": change.at}
        case _:
            return _administered(change)


def _administered(change: Change) -> dict[str, Any]:
    match change.kind:
        case Kind.ASSIGNED:
            return {"assignee": change.detail.get("assignee")}
        case Kind.JUDGED:
            verdict = change.detail.get("verdict")
            return {"verdict": Verdict(verdict) if verdict else None}
        case Kind.CLOSED:
            return {"status": AlertStatus.CLOSED}
        case Kind.REOPENED:
            return {"status": AlertStatus.OPEN, "resolved_at": None, "acknowledged_by": None}
        case _:
            return {}


def _found(change: Change) -> dict[str, Any]:
    facts: dict[str, Any] = {name: change.detail.get(name) for name in _FACTS}
    detail: Mapping[str, Any] = change.detail.get("detail") or {}
    return {**facts, "severity": Severity(change.detail["severity"]), "detail": dict(detail)}
