"""Dash's scripts, compressed once: most of what a first visit loads, and Dash sends them as they are."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from typing import Final

from dash.fingerprint import check_fingerprint  # pyright: ignore[reportUnknownVariableType]
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PREFIX: Final = "/_dash-component-suites/"


@dataclass(frozen=True, slots=True)
class _Packed:
    headers: list[tuple[bytes, bytes]]
    body: bytes


class CompressedScripts:
    """Keeps what Dash answers under ``/_dash-component-suites/``, gzipped, for as long as it runs.

    A file is known by its path without the fingerprint, so that there are as many as Dash has.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept: dict[str, _Packed] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from what is kept, or let Dash answer and keep it."""
        if not _wanted(scope):
            await self.app(scope, receive, send)
            return
        # Whether there was a fingerprint belongs to the key: Dash lets those be cached for longer.
        key = str(check_fingerprint(scope["path"]))  # pyright: ignore[reportUnknownArgumentType]
        if key not in self._kept:
            messages = await self._ask(scope, receive)
            if messages[0]["status"] != 200:
                for message in messages:
                    await send(message)
                return
            self._kept[key] = await asyncio.to_thread(_pack, messages)
        packed = self._kept[key]
        await send({"type": "http.response.start", "status": 200, "headers": packed.headers})
        await send({"type": "http.response.body", "body": packed.body})

    async def _ask(self, scope: Scope, receive: Receive) -> list[Message]:
        messages: list[Message] = []

        async def note(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, note)
        return messages


def _wanted(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(_PREFIX):
        return False
    headers = Headers(scope=scope)
    return "gzip" in headers.get("accept-encoding", "") and "if-none-match" not in headers


def _pack(messages: list[Message]) -> _Packed:
    body = gzip.compress(b"".join(message.get("body", b"") for message in messages), 6)
    headers = [(k, v) for k, v in messages[0]["headers"] if k.lower() != b"content-length"]
    added = {b"content-encoding": b"gzip", b"vary": b"Accept-Encoding"}
    return _Packed([*headers, *added.items(), (b"content-length", str(len(body)).encode())], body)
