"""Finds out who sent a request: by the session's cookie, or by a key in ``Authorization``.

What was found holds for a few seconds, so that a page's burst of requests asks the
database once; a session that ends here is forgotten at once.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
from starlette.requests import HTTPConnection

from dashboard.auth.client import COOKIE
from dashboard.auth.identity import Caller
from dashboard.runtime import Runtime
from store.api_keys import find_identity
from store.sessions import find_session, touch_session
from store.tokens import KEY_PREFIX, csrf_of, digest
from telemetry.people import Identity

HOLDS_S: Final = 5.0
_MOST: Final = 2_000
_LONGEST: Final = 128
"""Characters: what is longer is no token of ours."""


def session_token(connection: HTTPConnection) -> str:
    """The session's token as the browser sent it; empty where it sent none."""
    token = connection.cookies.get(COOKIE, "")
    return token if len(token) <= _LONGEST else ""


class Verifier:
    """Callers by token, with the newest answers at hand. Used on the event loop alone."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._known: dict[bytes, tuple[float, Caller]] = {}

    async def caller(self, connection: HTTPConnection, *, afresh: bool = False) -> Caller:
        """Who sent this; ``afresh`` asks the database in any case.

        Raises
        ------
        psycopg.OperationalError, psycopg_pool.PoolTimeout
            The database cannot be asked.
        """
        scheme, _, key = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            token = key.strip()
            # A key that is not one is refused: the cookie beside it must not decide.
            if not token.startswith(KEY_PREFIX) or len(token) > _LONGEST:
                return Caller()
        else:
            token = session_token(connection)
        if not token:
            return Caller()
        known = self._known.get(digest(token))
        if known and not afresh and known[0] > time.monotonic():
            return known[1]
        caller = await self._runtime.query(lambda conn: self._ask(conn, token))
        self._keep(token, caller)
        return caller

    def forget(self, token: str) -> None:
        """Ask the database at this token's next request."""
        self._known.pop(digest(token), None)

    def forget_all(self) -> None:
        """Ask the database about everyone: rights have changed."""
        self._known.clear()

    def _ask(self, conn: psycopg.Connection, token: str) -> Caller:
        now = datetime.now(UTC)
        if token.startswith(KEY_PREFIX):
            identity = find_identity(conn, token, now)
            return Caller(identity) if identity else Caller()
        idle = timedelta(hours=self._runtime.settings.sign_in.idle_h)
        session = find_session(conn, token, now, idle)
        if session is None:
            return Caller()
        touch_session(conn, token, session, now)
        return Caller(Identity(session.name, session.role), csrf_of(token))

    def _keep(self, token: str, caller: Caller) -> None:
        self._known.pop(digest(token), None)
        if not caller.identity.name:
            return
        if len(self._known) >= _MOST:
            self._known.pop(next(iter(self._known)))
        self._known[digest(token)] = (time.monotonic() + HOLDS_S, caller)
