"""What the reader's screen wants of the answer: the theme's dark or light face, and how large things are.

The page is laid out in rem and grows on very large screens by itself. What takes its sizes in
pixels from here (charts, tables) asks for the scale, which the page's script keeps in a cookie.
"""

from __future__ import annotations

from contextvars import ContextVar
from http.cookies import CookieError, SimpleCookie
from typing import Final, Literal

from starlette.types import ASGIApp, Receive, Scope, Send

Face = Literal["dark", "light"]
FACES: Final[tuple[Face, Face]] = ("dark", "light")
"""The first is the default."""
COOKIE: Final = "theme"

SCALE_COOKIE: Final = "scale"
_SCALES = (0.75, 3.0)
"""The smallest and the largest scale that is believed."""

_requested: ContextVar[Face] = ContextVar("face", default=FACES[0])
_scale: ContextVar[float] = ContextVar("scale", default=1.0)


def requested_face() -> Face:
    """``dark`` or ``light``, as the reader's cookie says."""
    return _requested.get()


def requested_scale() -> float:
    """How much larger than usual the reader's page is drawn, 1 on usual screens."""
    return _scale.get()


class AppearanceMiddleware:
    """Finds a request's face and scale; the page's script sets the cookies."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the face set for everything below."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        cookies = _cookies(scope)
        token, scaled = _requested.set(_face(cookies)), _scale.set(_scale_of(cookies))
        try:
            await self.app(scope, receive, send)
        finally:
            _requested.reset(token)
            _scale.reset(scaled)


def _cookies(scope: Scope) -> SimpleCookie:
    text = next((value for name, value in scope["headers"] if name == b"cookie"), b"")
    try:
        return SimpleCookie(text.decode("latin-1"))
    except CookieError:
        return SimpleCookie()


def _face(cookies: SimpleCookie) -> Face:
    return "light" if COOKIE in cookies and cookies[COOKIE].value == "light" else FACES[0]


def _scale_of(cookies: SimpleCookie) -> float:
    try:
        scale = float(cookies[SCALE_COOKIE].value)
    except (KeyError, ValueError):
        return 1.0
    return scale if _SCALES[0] <= scale <= _SCALES[1] else 1.0
