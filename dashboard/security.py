"""Response headers and the checks on where a request comes from.

The content policy is strict but for one thing: styles may be inline, because Plotly,
Mantine and MapLibre set them so. Scripts come from this server alone, and Dash's own
inline ones by their hash; MapLibre's worker is a blob; nothing may frame the pages.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def content_policy(script_hashes: Sequence[str]) -> str:
    """The Content-Security-Policy of every answer."""
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src 'self'", *script_hashes)),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class SecurityHeaders:
    """Adds the headers to every HTTP answer."""

    def __init__(self, app: ASGIApp, script_hashes: Callable[[], Sequence[str]]) -> None:
        self.app = app
        self.script_hashes = script_hashes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; the hashes are asked for late, Dash adds scripts at its first request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", content_policy(self.script_hashes()))
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def same_origin(headers: Headers) -> bool:
    """Whether a WebSocket's Origin is this server's.

    A browser always sends one. A request without it comes from no page, so there is no
    page to protect against.
    """
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def allowed_hosts(http_host: str) -> list[str]:
    """Host names the server answers to.

    Bound to loopback it answers to loopback names alone, so that a foreign name which
    was made to resolve to 127.0.0.1 reads nothing (DNS rebinding).
    """
    local = ["localhost", "127.0.0.1", "[::1]", "[", http_host]
    return local if http_host == "localhost" or _is_loopback(http_host) else ["*"]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
