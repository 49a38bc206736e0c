"""The dashboard as a process: serves until told to stop, and beats."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from contextlib import AbstractContextManager, nullcontext

import psycopg
import psycopg_pool
import uvicorn

from dashboard.app import create_app
from dashboard.runtime import Runtime
from store.services import Service, beat
from telemetry.city import City
from telemetry.errors import CityOpsError
from telemetry.settings import Settings

BEAT_S = 2.0
_GRACE_S = 3

_log = logging.getLogger(__name__)


def run(settings: Settings, city: City, stop: threading.Event) -> None:
    """Serve the pages and the interface on ``settings.http_host:http_port``.

    Raises
    ------
    CityOpsError
        The address cannot be had, or the server did not start.
    """
    with _bind(settings.http_host, settings.http_port) as listener:
        api = create_app(settings, city)
        config = uvicorn.Config(
            api,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            ws_max_size=4096,
            # Compressing each frame for each socket would cost more than everything else.
            ws_per_message_deflate=False,
        )
        asyncio.run(_serve(_Server(config), listener, api.state.runtime, stop))


class _Server(uvicorn.Server):
    """Signals are the caller's business: it sets ``stop``."""

    def capture_signals(self) -> AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Leave the process's signal handlers alone."""
        return nullcontext()


async def _serve(
    server: uvicorn.Server, listener: socket.socket, runtime: Runtime, stop: threading.Event
) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    beating = asyncio.create_task(_beat(runtime))
    watching = asyncio.create_task(_wait(stop))
    await asyncio.wait((serving, watching), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    watching.cancel()
    beating.cancel()
    if not stop.is_set():
        raise CityOpsError("the dashboard's server did not start", cure="see its log")


async def _wait(stop: threading.Event) -> None:
    while not stop.is_set():  # noqa: ASYNC110  (it is set by a signal handler or another thread)
        await asyncio.sleep(0.1)


async def _beat(runtime: Runtime) -> None:
    settings = runtime.settings
    url = f"http://{settings.http_host}:{settings.http_port}"
    while True:
        await asyncio.sleep(BEAT_S)
        detail = {"url": url, "sockets": len(runtime.hub), "feed": runtime.picture.feed_up}
        service = Service("dashboard", os.getpid(), socket.gethostname(), detail)
        try:
            await runtime.query(lambda conn, service=service: beat(conn, service))
        except (psycopg.Error, psycopg_pool.PoolTimeout, CityOpsError) as error:
            # The feed says in the pages that the database is away; here it is only noted.
            _log.debug("no heartbeat: %s", error)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, or asyncio leaves Nagle's algorithm on: 40 ms for every answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise CityOpsError(
            f"the dashboard cannot listen on {host}:{port}: {error.strerror}",
            cure="choose another port: CITYOPS_HTTP_PORT, or --http-port",
        ) from error
    return listener
