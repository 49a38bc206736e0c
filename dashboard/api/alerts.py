"""Alerts: lists, one with its life, what people do to them; and the live feed's snapshot."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from msgspec.structs import asdict
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from alerts.actions import Action, act
from alerts.lifecycle import Kind
from dashboard.api.access import PROBLEMS, RuntimeAccess
from dashboard.api.models import (
    AlertDetailOut,
    AlertEventOut,
    AlertOut,
    AssigneeOut,
    BulkOut,
    Problem,
    RefusedOut,
    SnapshotOut,
)
from dashboard.auth.access import OperatorAccess
from dashboard.complaints import in_words
from dashboard.languages import requested_language
from store.alert_search import AlertSearch, search_alerts
from store.alerts import get_alert, list_events
from store.people import list_active
from telemetry.alerts import Alert, AlertEvent, AlertStatus, Severity, Verdict
from telemetry.errors import ConflictError, NotFoundError
from telemetry.metrics import Domain
from telemetry.people import Role

router = APIRouter(responses=PROBLEMS)

_ID = 2**63 - 1
_NO_NUL = r"^[^\x00]*$"
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "Someone was faster, or it does not fit; ``detail`` says who"}
}
AlertId = Annotated[int, InPath(ge=1, le=_ID)]


class Verb(StrEnum):
    """What a person can do to an alert."""

    ACKNOWLEDGE = "acknowledge"
    START = "start"
    ASSIGN = "assign"
    COMMENT = "comment"
    VERDICT = "verdict"
    RESOLVE = "resolve"
    CLOSE = "close"
    REOPEN = "reopen"


class Order(StrEnum):
    """What a list is sorted by."""

    OPENED_AT = "opened_at"
    UPDATED_AT = "updated_at"
    SEVERITY = "severity"
    STATUS = "status"
    DEVICE = "device"
    DOMAIN = "domain"
    ASSIGNEE = "assignee"


_KINDS = {
    Verb.ACKNOWLEDGE: Kind.ACKNOWLEDGED,
    Verb.START: Kind.STARTED,
    Verb.ASSIGN: Kind.ASSIGNED,
    Verb.COMMENT: Kind.COMMENTED,
    Verb.VERDICT: Kind.JUDGED,
    Verb.RESOLVE: Kind.RESOLVED,
    Verb.CLOSE: Kind.CLOSED,
    Verb.REOPEN: Kind.REOPENED,
}


class ActionIn(BaseModel):
    """An action's facts. ``text`` is the comment, or why; the rest is of the verbs named so."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    text: Annotated[str, Field(max_length=2_000, pattern=_NO_NUL)] = ""
    assignee: Annotated[str | None, Field(max_length=64, pattern=_NO_NUL)] = None
    verdict: Verdict | None = None


class BulkIn(ActionIn):
    """One action for several alerts; each is done or refused on its own."""

    action: Verb
    alert_ids: Annotated[list[Annotated[int, Field(ge=1, le=_ID)]], Field(min_length=1, max_length=500)]


@router.get("/alerts", tags=["alerts"])
async def read_alerts(
    runtime: RuntimeAccess,
    response: Response,
    status: Annotated[list[AlertStatus] | None, Query(description="May stand more than once")] = None,
    severity: Annotated[list[Severity] | None, Query(description="May stand more than once")] = None,
    domain: Domain | None = None,
    device: Annotated[str | None, Query(max_length=64, pattern=_NO_NUL)] = None,
    assignee: Annotated[str | None, Query(max_length=64, pattern=_NO_NUL)] = None,
    unassigned: Annotated[bool, Query(description="Those that no one has taken")] = False,
    q: Annotated[str | None, Query(max_length=64, pattern=_NO_NUL, description="In a device's name")] = None,
    sort: Order = Order.OPENED_AT,
    descending: bool = True,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> list[AlertOut]:
    """Alerts that match every filter given; ``X-Total-Count`` says how many there are."""
    search = AlertSearch(
        statuses=status,
        severities=severity,
        domain=domain,
        device_id=device,
        assignee=assignee,
        unassigned=unassigned,
        text=q,
        sort=str(sort),
        descending=descending,
        offset=offset,
        limit=limit,
    )
    total, found = await runtime.query(lambda conn: search_alerts(conn, search))
    response.headers["X-Total-Count"] = str(total)
    return [AlertOut(**asdict(item)) for item in runtime.picture.present(found)]


@router.get("/alerts/{alert_id}", tags=["alerts"])
async def read_alert(runtime: RuntimeAccess, alert_id: AlertId) -> AlertDetailOut:
    """One alert with its life."""

    def ask(conn: psycopg.Connection) -> tuple[Alert, list[AlertEvent]]:
        alert = get_alert(conn, alert_id)
        if alert is None:
            raise NotFoundError("alert", alert_id)
        return alert, list_events(conn, alert_id)

    alert, events = await runtime.query(ask)
    (item,) = runtime.picture.present([alert])
    return AlertDetailOut(**asdict(item), events=[_event(event) for event in events])


@router.get("/assignees", tags=["alerts"])
async def read_assignees(runtime: RuntimeAccess, _: OperatorAccess) -> list[AssigneeOut]:
    """Who an alert can be assigned to, by name."""
    names = await runtime.query(lambda conn: list_active(conn, Role.OPERATOR))
    return [AssigneeOut(name=name) for name in names]


@router.post("/alerts/actions", tags=["alerts"])
async def act_on_many(runtime: RuntimeAccess, identity: OperatorAccess, body: BulkIn) -> BulkOut:
    """Do the same to several alerts; those it does not fit are left as they are."""
    _check(body.action, body)
    action, language = _action(body.action, body, identity.name), requested_language()

    def work(conn: psycopg.Connection) -> tuple[list[Alert], list[RefusedOut]]:
        done: list[Alert] = []
        refused: list[RefusedOut] = []
        for alert_id in dict.fromkeys(body.alert_ids):
            try:
                done.append(act(conn, alert_id, action))
                conn.commit()
            except (ConflictError, NotFoundError) as error:
                status = 409 if isinstance(error, ConflictError) else 404
                said = in_words(error.message, status, language)
                refused.append(RefusedOut(alert_id=alert_id, status=status, detail=error.message, said=said))
        return done, refused

    done, refused = await runtime.query(work)
    items = [AlertOut(**asdict(item)) for item in runtime.picture.present(done)]
    return BulkOut(done=items, refused=refused)


@router.post("/alerts/{alert_id}/{verb}", tags=["alerts"], responses=_CONFLICT)
async def act_on_one(
    runtime: RuntimeAccess,
    identity: OperatorAccess,
    alert_id: AlertId,
    verb: Verb,
    body: ActionIn | None = None,
) -> AlertOut:
    """Do something to an alert, as the person signed in."""
    facts = body or ActionIn()
    _check(verb, facts)
    action = _action(verb, facts, identity.name)
    alert = await runtime.query(lambda conn: act(conn, alert_id, action))
    (item,) = runtime.picture.present([alert])
    return AlertOut(**asdict(item))


@router.get("/snapshot", tags=["live"])
async def read_snapshot(runtime: RuntimeAccess, request: Request) -> SnapshotOut:
    """Everything a client needs after it connects to ``/ws/live``."""
    answer: Response = (await asyncio.to_thread(runtime.packed_snapshot)).answer(request)
    return answer  # pyright: ignore[reportReturnType]  (packed already; the annotation is for OpenAPI)


def _action(verb: Verb, facts: ActionIn, actor: str) -> Action:
    detail: dict[str, Any] = {}
    if facts.text.strip():
        detail["text"] = facts.text.strip()
    if verb is Verb.ASSIGN:
        detail["assignee"] = facts.assignee
    if verb is Verb.VERDICT:
        detail["verdict"] = str(facts.verdict) if facts.verdict else None
    return Action(_KINDS[verb], actor, datetime.now(UTC), detail, facts.version)


def _check(verb: Verb, facts: ActionIn) -> None:
    if verb is Verb.COMMENT and not facts.text.strip():
        raise HTTPException(422, "text: a comment says something")


def _event(event: AlertEvent) -> AlertEventOut:
    return AlertEventOut(
        alert_event_id=event.alert_event_id,
        at=round(event.at.timestamp() * 1000),
        actor=event.actor,
        kind=event.kind,
        detail=dict(event.detail),
    )
