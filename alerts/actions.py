"""What people do to alerts: one transaction an action, checked against what they saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import errors

from alerts.lifecycle import Change, Kind, allowed, evolve
from store import alerts as alert_store
from store import people
from telemetry.alerts import Alert, AlertEvent
from telemetry.errors import ConflictError, NotFoundError
from telemetry.people import Role

_QUIET: Final = frozenset({Kind.REFRESHED, Kind.ESCALATED, Kind.COMMENTED})


@dataclass(frozen=True, slots=True)
class Action:
    """What a person asks for; ``version`` is that of the alert they decided on, if they say."""

    kind: Kind
    actor: str
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    version: int | None = None


def act(conn: psycopg.Connection, alert_id: int, action: Action) -> Alert:
    """Apply an action to an alert, in a transaction of its own.

    Raises
    ------
    NotFoundError
        There is no such alert.
    ConflictError
        It changed since ``action.version``, or the action does not fit where it stands;
        the error says who did what. Or it is to be assigned to someone who may not act.
    """
    try:
        with conn.transaction():
            return _act(conn, alert_id, action)
    except errors.UniqueViolation as error:
        raise ConflictError("another alert of this condition is open already") from error


def _act(conn: psycopg.Connection, alert_id: int, action: Action) -> Alert:
    known = alert_store.get_alert(conn, alert_id)
    if known is None:
        raise NotFoundError("alert", alert_id)
    if action.kind is Kind.REOPENED:
        alert_store.hold_keys(conn, [known.key])
    alert = alert_store.lock_alert(conn, alert_id)
    stale = action.version not in (None, alert.version) and action.kind is not Kind.COMMENTED
    if stale or not allowed(alert.status, action.kind):
        raise _conflict(alert, action, alert_store.list_events(conn, alert_id))
    if action.kind is Kind.ASSIGNED:
        _check_assignee(conn, action.detail.get("assignee"))
    # An event is never before the one it follows, whatever the clocks say.
    at = max(action.at, alert.updated_at)
    made = evolve(alert, Change(action.kind, at, action.actor, action.detail))
    alert_store.save_alert(conn, made)
    alert_store.add_event(conn, alert_id, at, action.actor, str(action.kind), action.detail)
    return made


def _check_assignee(conn: psycopg.Connection, name: str | None) -> None:
    if name is not None and name not in people.list_active(conn, Role.OPERATOR):
        raise ConflictError(f"there is no active person {name!r} who may work on alerts")


def _conflict(alert: Alert, action: Action, events: list[AlertEvent]) -> ConflictError:
    told = [event for event in events if event.kind not in _QUIET]
    what = f"an alert that is {alert.status} cannot be {action.kind}"
    if not told:
        return ConflictError(what)
    last = told[-1]
    at = last.at.isoformat(timespec="seconds")
    message = f"{last.actor} was first: {last.kind} at {at}; the alert is {alert.status} now"
    return ConflictError(message, actor=last.actor, kind=last.kind, at=at)
