"""Dark or light: which of the theme's two faces the request being answered wants."""

from __future__ import annotations

from contextvars import ContextVar
from http.cookies import CookieError, SimpleCookie
from typing import Final, Literal

from starlette.types import ASGIApp, Receive, Scope, Send

Face = Literal["dark", "light"]
FACES: Final[tuple[Face, Face]] = ("dark", "light")
"""The first is the default."""
COOKIE: Final = "theme"

_requested: ContextVar[Face] = ContextVar("face", default=FACES[0])


def requested_face() -> Face:
    """``dark`` or ``light``, as the reader's cookie says."""
    return _requested.get()


class AppearanceMiddleware:
    """Finds a request's face; the switch in the header sets the cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the face set for everything below."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        token = _requested.set(_cookie_face(scope))
        try:
            await self.app(scope, receive, send)
        finally:
            _requested.reset(token)


def _cookie_face(scope: Scope) -> Face:
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                morsel = SimpleCookie(value.decode("latin-1")).get(COOKIE)
            except CookieError:
                return FACES[0]
            return "light" if morsel and morsel.value == "light" else "dark"
    return FACES[0]
