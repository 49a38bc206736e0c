"""What the server works with while it runs; one object, on ``app.state.runtime``."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TypeVar

import msgspec
import psycopg

from dashboard.languages import Language, load_languages
from dashboard.live.hub import Hub
from dashboard.live.messages import AlertItem
from dashboard.live.picture import Picture
from dashboard.live.tailer import Tailer
from dashboard.sentences import describe
from dashboard.static import PackedFile, pack
from dashboard.vitals import Vitals
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
    vitals: Vitals | None = None
    """What the processes said when ``/metrics`` last asked; ``None`` while the database is away."""
    _pool: Pool | None = None
    _catalogue: tuple[int, PackedFile] | None = None
    _snapshot: tuple[int, PackedFile] | None = None

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

    def packed_catalogue(self) -> PackedFile:
        """The devices and streams as JSON, packed once for each change of them. CPU work."""
        catalogue, kept = self.picture.catalogue, self._catalogue
        if kept is None or kept[0] != catalogue.version:
            kept = catalogue.version, pack(catalogue.json(), "application/json")
            self._catalogue = kept
        return kept[1]

    def packed_snapshot(self) -> PackedFile:
        """The picture as JSON. CPU work, done once for all the tabs that come back at once."""
        kept = self._snapshot
        if kept is None or kept[0] != self.picture.seq:
            snapshot = self.picture.snapshot(time.time_ns() // 1000)
            body = msgspec.json.encode(snapshot)
            kept = snapshot.seq, pack(body, "application/json", "no-store", level=1)
            self._snapshot = kept
        return kept[1]

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
