"""What the server works with while it runs; one object, on ``app.state.runtime``."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TypeVar

import psycopg

from dashboard.languages import Language, load_languages
from dashboard.live.hub import Hub
from dashboard.live.messages import AlertItem
from dashboard.live.picture import Picture
from dashboard.live.tailer import Tailer
from dashboard.sentences import describe
from store.pool import Pool, open_pool
from telemetry.alerts import Alert
from telemetry.city import City
from telemetry.devices import Device
from telemetry.errors import CityOpsError
from telemetry.settings import Settings

_T = TypeVar("_T")

POOL_SIZE = 6


@dataclass(slots=True)
class Runtime:
    """Settings, the city, the pool and the live picture."""

    settings: Settings
    city: City
    languages: dict[str, Language]
    picture: Picture
    hub: Hub = field(default_factory=Hub)
    tailer: Tailer | None = None
    _pool: Pool | None = None

    @property
    def pool(self) -> Pool:
        """Connections; there while the server runs."""
        if self._pool is None:
            raise CityOpsError("the dashboard is not running", cure="use it inside its lifespan")
        return self._pool

    async def query(self, ask: Callable[[psycopg.Connection], _T], *, patience_s: float = 5.0) -> _T:
        """Run a query on a pooled connection, off the event loop.

        Raises
        ------
        psycopg_pool.PoolTimeout
            No connection could be had within ``patience_s``.
        """

        def work() -> _T:
            with self.pool.connection(timeout=patience_s) as conn:
                return ask(conn)

        return await asyncio.to_thread(work)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Open the pool and follow the log, until the server stops."""
        url = self.settings.database_url
        if url is None:
            raise CityOpsError("no database is set", cure="set DATABASE_URL, or start it with `cityops up`")
        loop, stop = asyncio.get_running_loop(), Event()

        def publish(text: str) -> None:
            loop.call_soon_threadsafe(self.hub.publish, text)

        self._pool = open_pool(url, max_size=POOL_SIZE, name="dashboard")
        self.tailer = Tailer(url, self.picture, publish, stop)
        thread = Thread(target=self.tailer.run, name="live-feed", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            self.hub.close()
            await asyncio.to_thread(thread.join, 5)
            await asyncio.to_thread(self._pool.close)
            self._pool = None


def make_runtime(settings: Settings, city: City) -> Runtime:
    """Everything that can be made before the server runs."""
    languages = load_languages(city.timezone)

    def describe_alert(alert: Alert, device: Device | None) -> AlertItem:
        return describe(alert, device, city, languages)

    return Runtime(settings, city, languages, Picture(secrets.token_hex(8), describe_alert))
