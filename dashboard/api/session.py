"""Who is asking, where else they are signed in, and their own password."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import psycopg
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from dashboard.api.access import PROBLEMS, RuntimeAccess
from dashboard.api.models import Answer, Millis, Problem
from dashboard.auth.access import ViewerAccess
from dashboard.auth.identity import current_caller
from dashboard.auth.signing import Attempt, Refusal, change_password
from dashboard.auth.verifier import Verifier, session_token
from store.audit import record
from store.sessions import OwnSession, end_sessions, list_sessions
from telemetry.people import Identity

router = APIRouter(responses=PROBLEMS, tags=["people"])

_Password = Annotated[str, Field(max_length=256)]


class SessionOut(Answer):
    """The one who asks, and what they may do."""

    name: str
    role: str
    kind: Annotated[str, Field(description="`session` of a person, or `key` of a program")]
    scopes: list[str]
    csrf: Annotated[str, Field(description="To send as X-CSRF-Token with what changes something")]


class OwnSessionOut(Answer):
    """A place where the one who asks is signed in; ``current`` is where they ask from."""

    created_at: Millis
    seen_at: Millis
    expires_at: Millis
    address: str
    current: bool


class EndedOut(Answer):
    """How many sessions have ended."""

    ended: int


class PasswordChange(BaseModel):
    """The password as it is, and as it shall be."""

    model_config = ConfigDict(extra="forbid")

    current: _Password
    password: _Password


@router.get("/session")
async def read_session(identity: ViewerAccess) -> SessionOut:
    """Who sends this request."""
    return SessionOut(
        name=identity.name,
        role=identity.role,
        kind=identity.kind,
        scopes=sorted(identity.scopes),
        csrf=current_caller().csrf,
    )


@router.get("/session/all")
async def read_sessions(runtime: RuntimeAccess, who: ViewerAccess, request: Request) -> list[OwnSessionOut]:
    """Where the one who asks is signed in, this session first."""
    _is_person(who)
    token, now = session_token(request), datetime.now(UTC)
    idle = timedelta(hours=runtime.settings.sign_in.idle_h)
    found = await runtime.query(lambda conn: list_sessions(conn, who.name, token, now, idle))
    return [_session(session) for session in found]


@router.post("/session/end-others")
async def end_others(runtime: RuntimeAccess, who: ViewerAccess, request: Request) -> EndedOut:
    """Sign out everywhere but here."""
    _is_person(who)
    token = session_token(request)

    def end(conn: psycopg.Connection) -> int:
        ended = end_sessions(conn, who.name, keep=token)
        if ended:
            record(conn, who.name, "session.end_others", who.name, {"sessions": ended})
        return ended

    ended = await runtime.query(end)
    _forget_all(request)
    return EndedOut(ended=ended)


@router.post(
    "/session/password",
    responses={
        429: {"model": Problem, "description": "Too many wrong passwords; wait as `Retry-After` says"}
    },
)
async def set_own_password(
    runtime: RuntimeAccess, who: ViewerAccess, request: Request, wish: PasswordChange
) -> EndedOut:
    """Change one's own password; every other session ends. Wrong ones count as at signing in."""
    _is_person(who)
    address = request.client.host if request.client else ""
    attempt = Attempt(who.name, wish.current, address)
    ended = await asyncio.to_thread(change_password, runtime, attempt, wish.password, session_token(request))
    if ended is Refusal.TOO_OFTEN:
        wait_s = round(runtime.settings.sign_in.window_min * 60)
        headers = {"Retry-After": str(wait_s)}
        raise HTTPException(429, "too many wrong passwords; try again later", headers)
    if isinstance(ended, Refusal):
        raise HTTPException(403, "the current password is wrong")
    _forget_all(request)
    return EndedOut(ended=ended)


def _is_person(who: Identity) -> None:
    if who.kind != "session":
        raise HTTPException(403, "this is for people who are signed in, not for keys")


def _forget_all(request: Request) -> None:
    verifier: Verifier = request.app.state.verifier
    verifier.forget_all()


def _session(found: OwnSession) -> OwnSessionOut:
    return OwnSessionOut(
        created_at=_millis(found.created_at),
        seen_at=_millis(found.seen_at),
        expires_at=_millis(found.expires_at),
        address=found.address,
        current=found.current,
    )


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
