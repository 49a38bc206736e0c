"""Stands before everything: nothing but a short list is answered to who has not signed in."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import psycopg
import psycopg_pool
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.api.access import problem
from dashboard.auth.identity import Caller, acting
from dashboard.auth.verifier import Verifier
from dashboard.security import same_origin

_OPEN: Final = frozenset({"/sign-in", "/healthz", "/readyz", "/metrics", "/favicon.ico", "/_favicon.ico"})
_OPEN_UNDER: Final = ("/assets/", "/vendor/", "/_dash-component-suites/")
_FOR_PROGRAMS: Final = ("/api/", "/_dash-", "/ws/")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_TRY_AGAIN: Final = 1013  # WebSocket close code, IANA registry


class SignedIn:
    """Finds who asks, and refuses who may not: 401 to programs, the sign-in page to people.

    A route below still says which role it needs (`dashboard.auth.access`); this is the
    floor under all of them, so that a route which forgets is not open.
    """

    def __init__(self, app: ASGIApp, verifier: Verifier) -> None:
        self.app = app
        self.verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer below with the caller set, or refuse."""
        if scope["type"] not in ("http", "websocket") or _is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            caller = await self.verifier.caller(connection)
        except (psycopg.OperationalError, psycopg_pool.PoolTimeout):
            await _unavailable(scope, receive, send)
            return
        # A socket is refused by its route: only once accepted can it be told why.
        refusal = _refusal(connection, caller) if scope["type"] == "http" else None
        with acting(caller):
            await (refusal or self.app)(scope, receive, send)


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith(_OPEN_UNDER)


def _refusal(connection: HTTPConnection, caller: Caller) -> Response | None:
    path, method = connection.scope["path"], connection.scope["method"]
    if not caller.identity.name:
        if method in _SAFE and not path.startswith(_FOR_PROGRAMS):
            query = connection.scope["query_string"].decode("latin-1")
            wanted = quote(path + (f"?{query}" if query else ""), safe="")
            return RedirectResponse(f"/sign-in?next={wanted}", 303, {"Cache-Control": "no-store"})
        answer = problem(401, "sign in first, or send a key as `Authorization: Bearer cok_…`")
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    if caller.identity.kind == "key" and not path.startswith("/api/"):
        return problem(403, "a key opens the interface under /api/ and the live feed alone")
    if caller.identity.kind == "session" and method not in _SAFE and not same_origin(connection.headers):
        return problem(403, "the request comes from a page of another site")
    return None


async def _unavailable(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _TRY_AGAIN})
        return
    await problem(503, "the database cannot be reached; try again in a moment")(scope, receive, send)
