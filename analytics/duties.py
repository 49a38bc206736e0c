"""What one process does for the whole city, whoever scores which shard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg

from alerts.closing import close_resolved
from analytics.platform import PlatformRounds
from store.locks import try_lock
from telemetry.settings import Settings

LOCK = "analytics duties"

_CLOSE_EVERY = timedelta(seconds=60)


class Duties:
    """The platform's own alerts, and the closing of old ones; the first process that asks has them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._platform: PlatformRounds | None = None
        self._closed: datetime | None = None

    def look(self, conn: psycopg.Connection, unusable_version: int | None) -> None:
        """Do what is due, in transactions of its own, or nothing where another process does.

        ``unusable_version`` is one of the detectors' that was activated and cannot be used.
        """
        if self._platform is None:
            if not try_lock(conn, LOCK):
                return
            self._platform = PlatformRounds(conn, self._settings.platform)
        now = datetime.now(UTC)
        self._platform.look(conn, now, unusable_version)
        after = timedelta(hours=self._settings.alerts.close_after_h)
        if after and (self._closed is None or now - self._closed >= _CLOSE_EVERY):
            close_resolved(conn, now, after)
            self._closed = now
