"""What one process does for the whole city, whoever scores which shard.

In a thread with a connection of its own: counting the devices of a large city takes the better
part of a second, which no alert should wait for.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

import psycopg

from alerts.closing import close_resolved
from analytics.platform import PlatformRounds
from store.locks import try_lock
from store.pool import connect
from telemetry.settings import Settings

_log = logging.getLogger(__name__)

LOCK = "analytics duties"

_EVERY_S = 2.0
_CLOSE_EVERY = timedelta(seconds=60)


class Duties(threading.Thread):
    """The platform's own alerts, and the closing of old ones; the first process that asks has them."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="duties")
        self.unusable_version: int | None = None
        """A version of the detectors that was activated and cannot be used."""
        self._settings = settings
        self._halt = threading.Event()

    def run(self) -> None:
        """Do what is due until told to stop; a database that goes away is waited for."""
        while not self._halt.is_set():
            try:
                with connect(
                    self._settings.database_url or "", name="analytics-duties", autocommit=True
                ) as conn:
                    self._serve(conn)
            except psycopg.Error as error:
                _log.warning("the platform is not watched: %s", error)
                self._halt.wait(_EVERY_S)

    def close(self) -> None:
        """Stop, once what is under way is done."""
        self._halt.set()
        if self.is_alive():
            self.join()

    def _serve(self, conn: psycopg.Connection) -> None:
        while not try_lock(conn, LOCK):
            if self._halt.wait(_EVERY_S):
                return
        platform, closed = PlatformRounds(conn, self._settings.platform), None
        after = timedelta(hours=self._settings.alerts.close_after_h)
        while not self._halt.is_set():
            now = datetime.now(UTC)
            platform.look(conn, now, self.unusable_version)
            if after and (closed is None or now - closed >= _CLOSE_EVERY):
                close_resolved(conn, now, after)
                closed = now
            self._halt.wait(_EVERY_S)
