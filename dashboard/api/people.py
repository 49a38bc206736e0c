"""People, API keys and the audit log: for administrators alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import psycopg
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.access import PROBLEMS, RuntimeAccess
from dashboard.api.models import Answer, Millis
from dashboard.auth.access import AdministratorAccess
from dashboard.auth.verifier import Verifier
from dashboard.runtime import Runtime
from store import api_keys, audit, people
from store.api_keys import ApiKey
from store.audit import record
from store.passwords import check_password, generate_password, hash_password
from store.people import Person
from store.sessions import forgive_failures
from telemetry.people import Role, Scope, check_name

router = APIRouter(
    tags=["people"],
    responses={**PROBLEMS, 409: {"description": "It would break a rule; ``detail`` says which"}},
)

_T = TypeVar("_T")
_Name = Annotated[str, Field(min_length=2, max_length=32)]
_PathName = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
_KeyId = Annotated[int, Path(ge=1, le=2**31 - 1)]


class PersonOut(Answer):
    """Someone who may sign in, or could once."""

    name: str
    role: Role
    active: bool
    created_at: Millis
    seen_at: Millis | None


class PersonMade(PersonOut):
    """A person with a new password, which is told this once."""

    password: str | None


class KeyOut(Answer):
    """What is known of a key."""

    api_key_id: int
    person: str
    label: str
    hint: Annotated[str, Field(description="How the key begins")]
    scopes: list[Scope]
    active: bool
    created_at: Millis
    expires_at: Millis
    last_used_at: Millis | None


class KeyMade(KeyOut):
    """A new key, which is told this once."""

    key: str


class EntryOut(Answer):
    """One thing someone did."""

    audit_entry_id: int
    at: Millis
    actor: str
    action: str
    object: str
    detail: dict[str, Any]


class _Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewPerson(_Wish):
    """Without a password one is made."""

    name: _Name
    role: Role
    password: Annotated[str, Field(max_length=256)] | None = None


class PersonChange(_Wish):
    """What is given changes, the rest stays."""

    role: Role | None = None
    active: bool | None = None


class NewKey(_Wish):
    """A key acts for the one who makes it, within its scopes, until it expires."""

    label: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)]
    days: Annotated[int, Field(ge=1, le=366)] = 90


@router.get("/people")
async def read_people(runtime: RuntimeAccess, _: AdministratorAccess) -> list[PersonOut]:
    """Everyone, by name."""
    return [PersonOut(**_person(found)) for found in await runtime.query(people.list_people)]


@router.post("/people", status_code=201)
async def add_person(runtime: RuntimeAccess, who: AdministratorAccess, wish: NewPerson) -> PersonMade:
    """Add a person."""
    name = check_name(wish.name)
    password = check_password(wish.password, name) if wish.password is not None else generate_password()
    password_hash = await asyncio.to_thread(hash_password, password)

    def add(conn: psycopg.Connection) -> Person:
        made = people.add_person(conn, name, wish.role, password_hash)
        record(conn, who.name, "person.add", name, {"role": wish.role})
        return made

    made = await runtime.query(add)
    return PersonMade(**_person(made), password=None if wish.password else password)


@router.patch("/people/{name}")
async def change_person(
    runtime: RuntimeAccess, who: AdministratorAccess, request: Request, name: _PathName, wish: PersonChange
) -> PersonOut:
    """Give another role, bar, or let in again."""

    def change(conn: psycopg.Connection) -> Person:
        found = people.get_person(conn, name)
        if wish.role is not None and wish.role is not found.role:
            found = people.set_role(conn, name, wish.role)
            record(conn, who.name, "person.role", name, {"role": wish.role})
        if wish.active is False and found.disabled_at is None:
            found = people.disable_person(conn, name)
            record(conn, who.name, "person.disable", name)
        if wish.active and found.disabled_at is not None:
            found = people.enable_person(conn, name)
            record(conn, who.name, "person.enable", name)
        return found

    return PersonOut(**_person(await _changed(runtime, request, change)))


@router.post("/people/{name}/password")
async def reset_password(
    runtime: RuntimeAccess, who: AdministratorAccess, request: Request, name: _PathName
) -> PersonMade:
    """Make a new password, end the person's sessions and forget failed attempts."""
    password = generate_password()
    password_hash = await asyncio.to_thread(hash_password, password)

    def reset(conn: psycopg.Connection) -> Person:
        people.get_person(conn, name)
        forgive_failures(conn, name)
        record(conn, who.name, "person.reset", name)
        return people.set_password(conn, name, password_hash)

    return PersonMade(**_person(await _changed(runtime, request, reset)), password=password)


@router.get("/keys")
async def read_keys(runtime: RuntimeAccess, _: AdministratorAccess) -> list[KeyOut]:
    """Every key, newest first; the ended ones too."""
    return [KeyOut(**_key(found)) for found in await runtime.query(api_keys.list_keys)]


@router.post("/keys", status_code=201)
async def add_key(runtime: RuntimeAccess, who: AdministratorAccess, wish: NewKey) -> KeyMade:
    """Make a key; it is told this once."""
    now = datetime.now(UTC)

    def add(conn: psycopg.Connection) -> tuple[ApiKey, str]:
        until = now + timedelta(days=wish.days)
        made, secret = api_keys.add_key(conn, who.name, wish.label, wish.scopes, now, until)
        detail = {"label": wish.label, "scopes": sorted(set(wish.scopes)), "days": wish.days}
        record(conn, who.name, "key.add", str(made.api_key_id), detail)
        return made, secret

    made, secret = await runtime.query(add)
    return KeyMade(**_key(made), key=secret)


@router.delete("/keys/{api_key_id}")
async def revoke_key(
    runtime: RuntimeAccess, who: AdministratorAccess, request: Request, api_key_id: _KeyId
) -> KeyOut:
    """End a key for good."""

    def revoke(conn: psycopg.Connection) -> ApiKey:
        found = api_keys.get_key(conn, api_key_id)
        if found.revoked_at is None:
            record(conn, who.name, "key.revoke", str(api_key_id), {"label": found.label})
        return api_keys.revoke_key(conn, api_key_id, datetime.now(UTC))

    return KeyOut(**_key(await _changed(runtime, request, revoke)))


@router.get("/audit")
async def read_audit(
    runtime: RuntimeAccess,
    _: AdministratorAccess,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="An entry's id")] = None,
) -> list[EntryOut]:
    """Who did what, newest first; nothing of it can be changed."""
    found = await runtime.query(lambda conn: audit.list_entries(conn, limit, before))
    return [
        EntryOut(
            audit_entry_id=entry.audit_entry_id,
            at=_millis(entry.at),
            actor=entry.actor,
            action=entry.action,
            object=entry.object,
            detail=entry.detail,
        )
        for entry in found
    ]


async def _changed(runtime: Runtime, request: Request, change: Callable[[psycopg.Connection], _T]) -> _T:
    """Make a change of someone's rights, and let it hold at once."""
    made = await runtime.query(change)
    verifier: Verifier = request.app.state.verifier
    verifier.forget_all()
    return made


def _person(person: Person) -> dict[str, Any]:
    return {
        "name": person.name,
        "role": person.role,
        "active": person.disabled_at is None,
        "created_at": _millis(person.created_at),
        "seen_at": _millis(person.seen_at) if person.seen_at else None,
    }


def _key(key: ApiKey) -> dict[str, Any]:
    return {
        "api_key_id": key.api_key_id,
        "person": key.person,
        "label": key.label,
        "hint": key.hint,
        "scopes": list(key.scopes),
        "active": key.revoked_at is None and key.expires_at > datetime.now(UTC),
        "created_at": _millis(key.created_at),
        "expires_at": _millis(key.expires_at),
        "last_used_at": _millis(key.last_used_at) if key.last_used_at else None,
    }


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
