"""``/ws/live``: the frames of the live feed."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from dashboard.runtime import Runtime
from dashboard.security import same_origin

router = APIRouter()

_REFUSED, _GOING_AWAY, _BUSY = 1008, 1001, 1013  # RFC 6455 §7.4.1, IANA registry


@router.websocket("/ws/live")
async def live(socket: WebSocket) -> None:
    """Send every frame to this socket; what it sends is not read."""
    runtime: Runtime = socket.app.state.runtime
    if not same_origin(socket.headers):
        await socket.close(_REFUSED)
        return
    if runtime.hub.full:
        await socket.close(_BUSY)
        return
    await socket.accept()
    with runtime.hub.join() as frames:
        sending = asyncio.create_task(_send(socket, frames))
        try:
            while True:
                await socket.receive_text()
        except (WebSocketDisconnect, KeyError, RuntimeError):
            pass  # it left, sent bytes, or was closed by the sender
        finally:
            sending.cancel()


@router.websocket("/_dash-ws-callback")
async def no_callbacks(socket: WebSocket) -> None:
    """Stands before Dash's route of the same path: no callback goes over a socket here."""
    await socket.close(_REFUSED)


async def _send(socket: WebSocket, frames: asyncio.Queue[str | None]) -> None:
    try:
        while (text := await frames.get()) is not None:
            await socket.send_text(text)
        await socket.close(_GOING_AWAY)
    except (WebSocketDisconnect, RuntimeError):
        return  # it left while a frame was on its way
