"""``/ws/live``: the frames of the live feed."""

from __future__ import annotations

import asyncio
import contextlib

import psycopg
import psycopg_pool
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from dashboard.auth.identity import current_identity
from dashboard.auth.verifier import Verifier
from dashboard.runtime import Runtime
from dashboard.security import same_origin
from telemetry.people import Role

router = APIRouter()

CHECK_S = 30.0
"""How often an open socket's session is looked at again."""
_REFUSED, _GOING_AWAY, _BUSY = 1008, 1001, 1013  # RFC 6455 §7.4.1, IANA registry
_SIGN_IN = 4401  # ours, after HTTP's 401: the page goes to the sign-in page


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
    if not current_identity().allows(Role.VIEWER):
        await socket.close(_SIGN_IN)  # a socket that was not accepted could not be told why
        return
    with runtime.hub.join() as frames:
        sending = asyncio.create_task(_send(socket, frames))
        checking = asyncio.create_task(_check(socket))
        try:
            while True:
                await socket.receive_text()
        except (WebSocketDisconnect, KeyError, RuntimeError):
            pass  # it left, sent bytes, or was closed by the sender
        finally:
            sending.cancel()
            checking.cancel()


@router.websocket("/_dash-ws-callback")
async def no_callbacks(socket: WebSocket) -> None:
    """Stands before Dash's route of the same path: no callback goes over a socket here."""
    await socket.close(_REFUSED)


async def _check(socket: WebSocket) -> None:
    """Close the socket once its session has ended or its person may no longer look."""
    verifier: Verifier = socket.app.state.verifier
    while True:
        await asyncio.sleep(CHECK_S)
        try:
            caller = await verifier.caller(socket, afresh=True)
        except (psycopg.Error, psycopg_pool.PoolTimeout):
            continue  # nothing is known of the session; the page says that the database is away
        if not caller.identity.allows(Role.VIEWER):
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await socket.close(_SIGN_IN)
            return


async def _send(socket: WebSocket, frames: asyncio.Queue[str | None]) -> None:
    try:
        while (text := await frames.get()) is not None:
            await socket.send_text(text)
        await socket.close(_GOING_AWAY)
    except (WebSocketDisconnect, RuntimeError):
        return  # it left while a frame was on its way
