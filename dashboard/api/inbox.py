"""Devices that wait to be registered, and messages in quarantine. For engineers: both change what is stored.

An operator works on alerts; who registers a device, or rewrites what one sent, decides what the city's
record is, and that is an engineer's right (`telemetry.people.Scope.CONFIGURE`).
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from dashboard.api.access import PROBLEMS, RuntimeAccess
from dashboard.api.models import Answer, Millis, Names, Problem
from dashboard.auth.access import EngineerAccess
from dashboard.queries.inbox import read_inbox, read_waiting
from store import mending, quarantine, replays
from store.inbox import Waiting
from store.quarantine import MAX_PAYLOAD, MAX_TOPIC, Quarantined, Search
from telemetry.adoption import Guess, Wish, make_device
from telemetry.devices import Device
from telemetry.errors import NotFoundError
from telemetry.metrics import Domain
from telemetry.readings import to_micros

_NO_NUL = r"^[^\x00]*$"
_ID = 2**63 - 1
_MOST = 1_000
_BASE64 = MAX_PAYLOAD * 4 // 3 + 4

router = APIRouter(tags=["quarantine"], responses=PROBLEMS)

Name = Annotated[str, Path(max_length=64, pattern=_NO_NUL, description="As the device calls itself")]
MessageId = Annotated[int, Path(ge=1, le=_ID)]
Ids = Annotated[list[Annotated[int, Field(ge=1, le=_ID)]], Field(min_length=1, max_length=_MOST)]
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "It is registered already"}
}


class WaitingOut(Answer):
    """A device that publishes without being registered, with what its messages say it is."""

    name: str
    first_at: Millis
    last_at: Millis
    messages: int
    deliveries: int
    topic: str
    domain: str | None
    kind: str
    metrics: list[str]
    interval_s: float
    left_out: Annotated[list[str], Field(description="Names of values that would not be stored")]


class AdoptIn(BaseModel):
    """What is known of the device; what is left out is guessed, or as usual."""

    model_config = ConfigDict(extra="forbid")

    domain: Domain | None = None
    kind: Annotated[str | None, Field(min_length=1, max_length=64, pattern=_NO_NUL)] = None
    name_vi: Annotated[str | None, Field(min_length=1, max_length=120, pattern=_NO_NUL)] = None
    name_en: Annotated[str | None, Field(min_length=1, max_length=120, pattern=_NO_NUL)] = None
    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    lon: Annotated[float | None, Field(ge=-180, le=180)] = None
    zone: Annotated[str | None, Field(max_length=64, pattern=_NO_NUL)] = None
    interval_s: Annotated[float | None, Field(gt=0, le=2_678_400)] = None
    metrics: Annotated[list[Annotated[str, Field(max_length=64)]] | None, Field(max_length=64)] = None


class AdoptedOut(Answer):
    """The device as it is registered now, and the request that replays what waited of it."""

    device_id: str
    domain: str
    kind: str
    name: Names
    lat: float
    lon: float
    zone: str
    interval_s: float
    metrics: list[str]
    waiting: int
    replay_request_id: int


class QuarantinedOut(Answer):
    """A message in quarantine; a payload that is no text comes in base64."""

    quarantine_id: int
    first_at: Millis
    last_at: Millis
    deliveries: int
    device_id: Annotated[str, Field(description="The device that the message names; empty for none")]
    topic: str
    reason: str
    detail: str
    payload: str | None
    payload_base64: str | None
    cut: Annotated[bool, Field(description="Only the beginning of the message was kept")]


class ReplayIn(BaseModel):
    """Which messages; with a topic or a payload, one message alone, mended."""

    model_config = ConfigDict(extra="forbid")

    quarantine_ids: Ids
    topic: Annotated[str | None, Field(min_length=1, max_length=MAX_TOPIC, pattern=_NO_NUL)] = None
    payload: Annotated[str | None, Field(max_length=MAX_PAYLOAD)] = None
    payload_base64: Annotated[str | None, Field(max_length=_BASE64)] = None
    dry_run: bool = False


class DropIn(BaseModel):
    """Which messages."""

    model_config = ConfigDict(extra="forbid")

    quarantine_ids: Ids


class DroppedOut(Answer):
    """How many messages there were to drop."""

    dropped: int


class RefusedAgain(Answer):
    """A message that is still in quarantine, and why."""

    quarantine_id: int
    reason: str
    detail: str


class ReplayOut(Answer):
    """A replay and how far it is; ``done_at`` is empty until ingest has done it."""

    replay_request_id: int
    requested_at: Millis
    actor: str
    left_over: int
    dry_run: bool
    done_at: Millis | None
    replayed: Annotated[int, Field(description="Messages that left quarantine")]
    readings: int
    duplicates: int
    refused: int
    gone: int
    refusals: Annotated[list[RefusedAgain], Field(description="The first of those refused")]


@router.get("/inbox")
async def read_all_waiting(
    runtime: RuntimeAccess, _: EngineerAccess, limit: Annotated[int, Query(ge=1, le=500)] = 200
) -> list[WaitingOut]:
    """Devices that publish without being registered, the one that was heard last first."""
    found = await runtime.query(lambda conn: read_inbox(conn, runtime.settings, limit))
    return [_waiting(*item) for item in found]


@router.post("/inbox/{name}/adopt", responses=_CONFLICT)
async def adopt(
    name: Name, runtime: RuntimeAccess, identity: EngineerAccess, body: AdoptIn | None = None
) -> AdoptedOut:
    """Register a device that waits, and have what it sent replayed through the checks of live messages."""
    facts = (body or AdoptIn()).model_dump()
    if facts["metrics"] is not None:
        facts["metrics"] = tuple(facts["metrics"])

    def work(conn: psycopg.Connection) -> mending.Adopted:
        _, guessed = read_waiting(conn, runtime.settings, name)
        device = make_device(name, guessed, Wish(**facts), runtime.city)
        return mending.adopt(conn, identity.name, device)

    return _adopted(await runtime.query(work))


@router.get("/quarantine")
async def read_quarantine(
    runtime: RuntimeAccess,
    _: EngineerAccess,
    reason: Annotated[str | None, Query(max_length=64, pattern=_NO_NUL)] = None,
    device: Annotated[str | None, Query(max_length=64, pattern=_NO_NUL, description="Empty: of none")] = None,
    q: Annotated[str | None, Query(max_length=80, pattern=_NO_NUL, description="In topic or detail")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[QuarantinedOut]:
    """Messages that could not be used, the one that came last first."""
    search = Search(reason, device, q)
    rows = await runtime.query(lambda conn: quarantine.list_quarantine(conn, limit, search=search))
    return [_quarantined(row) for row in rows]


@router.post("/quarantine/replay")
async def replay(runtime: RuntimeAccess, identity: EngineerAccess, body: ReplayIn) -> ReplayOut:
    """Have messages tried again, as they are or mended; ``/replays/{id}`` tells what came of it."""
    payload = _payload(body)
    ids = list(dict.fromkeys(body.quarantine_ids))
    if (payload is not None or body.topic is not None) and len(ids) != 1:
        raise HTTPException(422, "quarantine_ids: one message is mended at a time")

    def work(conn: psycopg.Connection) -> replays.Replay:
        number = mending.ask_replay(
            conn, identity.name, ids, topic=body.topic, payload=payload, dry_run=body.dry_run
        )
        return replays.get_replay(conn, number)

    return _replay(await runtime.query(work))


@router.post("/quarantine/drop")
async def drop(runtime: RuntimeAccess, identity: EngineerAccess, body: DropIn) -> DroppedOut:
    """Throw messages away for good; the ledger counts them."""
    now = datetime.now(UTC)
    ids = list(dict.fromkeys(body.quarantine_ids))
    dropped = await runtime.query(lambda conn: mending.drop(conn, identity.name, ids, now))
    return DroppedOut(dropped=dropped)


@router.get("/quarantine/{quarantine_id}")
async def read_message(quarantine_id: MessageId, runtime: RuntimeAccess, _: EngineerAccess) -> QuarantinedOut:
    """One message, whole."""
    row = await runtime.query(lambda conn: quarantine.find_message(conn, quarantine_id))
    if row is None:
        raise NotFoundError("message in quarantine", quarantine_id)
    return _quarantined(row)


@router.get("/replays/{replay_request_id}")
async def read_replay(
    replay_request_id: Annotated[int, Path(ge=1, le=_ID)], runtime: RuntimeAccess, _: EngineerAccess
) -> ReplayOut:
    """How far a replay is, and what came of it; kept for a day."""
    return _replay(await runtime.query(lambda conn: replays.get_replay(conn, replay_request_id)))


def _payload(body: ReplayIn) -> bytes | None:
    if body.payload is not None and body.payload_base64 is not None:
        raise HTTPException(422, "payload: as text or in base64, not both")
    try:
        if body.payload is not None:
            return body.payload.encode()
        return None if body.payload_base64 is None else base64.b64decode(body.payload_base64, validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError) as error:
        raise HTTPException(422, "payload: it cannot be read") from error


def _millis(at: datetime) -> int:
    return to_micros(at) // 1_000


def _waiting(waiting: Waiting, guessed: Guess) -> WaitingOut:
    return WaitingOut(
        name=waiting.name,
        first_at=_millis(waiting.first_at),
        last_at=_millis(waiting.last_at),
        messages=waiting.messages,
        deliveries=waiting.deliveries,
        topic=waiting.topic,
        domain=None if guessed.domain is None else str(guessed.domain),
        kind=guessed.kind,
        metrics=list(guessed.metrics),
        interval_s=guessed.interval_s,
        left_out=list(guessed.left_out),
    )


def _adopted(adopted: mending.Adopted) -> AdoptedOut:
    device: Device = adopted.device
    return AdoptedOut(
        device_id=device.device_id,
        domain=str(device.domain),
        kind=device.kind,
        name=Names(vi=device.name_vi, en=device.name_en),
        lat=device.lat,
        lon=device.lon,
        zone=device.zone,
        interval_s=device.interval_s,
        metrics=list(device.metrics),
        waiting=adopted.waiting,
        replay_request_id=adopted.replay_request_id,
    )


def _quarantined(row: Quarantined) -> QuarantinedOut:
    try:
        text, coded = row.payload.decode(), None
    except UnicodeDecodeError:
        text, coded = None, base64.b64encode(row.payload).decode()
    return QuarantinedOut(
        quarantine_id=row.quarantine_id,
        first_at=_millis(row.first_at),
        last_at=_millis(row.last_at),
        deliveries=row.deliveries,
        device_id=row.claimed,
        topic=row.topic,
        reason=row.reason,
        detail=row.detail,
        payload=text,
        payload_base64=coded,
        cut=row.cut,
    )


def _replay(found: replays.Replay) -> ReplayOut:
    return ReplayOut(
        replay_request_id=found.replay_request_id,
        requested_at=_millis(found.requested_at),
        actor=found.actor,
        left_over=found.left_over,
        dry_run=found.dry_run,
        done_at=None if found.done_at is None else _millis(found.done_at),
        replayed=found.replayed,
        readings=found.readings,
        duplicates=found.duplicates,
        refused=found.refused,
        gone=found.gone,
        refusals=[RefusedAgain(**refusal) for refusal in found.refusals],
    )
