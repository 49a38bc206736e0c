"""The platform's own alerts: asks the store how ingest does, and tells what the watch finds."""

from __future__ import annotations

from datetime import datetime

import psycopg

from alerts.apply import apply_findings
from alerts.platform import PlatformWatch, Vitals
from store import devices, ledger, quarantine
from store.alerts import list_live
from store.services import list_ingest
from telemetry.settings import Platform

_COUNT_EVERY_S = 60.0


class PlatformRounds:
    """One look at the heartbeats each time; at the devices' counts once a minute."""

    def __init__(self, conn: psycopg.Connection, limits: Platform) -> None:
        self._watch = PlatformWatch(limits, list_live(conn))
        self._stream_id = devices.platform_stream(conn)
        self._counted: datetime | None = None
        self._refused = quarantine.newest(conn)

    def look(self, conn: psycopg.Connection, now: datetime, unusable_version: int | None = None) -> None:
        """Look, and open or resolve what has changed, in a transaction of its own.

        ``unusable_version`` is one of the detectors' that was activated and cannot be used.
        """
        vitals = [Vitals.of(s.name, s.pid, age_s, s.detail) for s, age_s in list_ingest(conn)]
        findings = self._watch.observe(now, vitals, self._stream_id, unusable_version=unusable_version)
        if self._counted is None or (now - self._counted).total_seconds() >= _COUNT_EVERY_S:
            self._counted = now
            stream_of = {s.device_id: s.stream_id for s in reversed(devices.list_streams(conn))}
            counts = {device: entry.messages for device, entry in ledger.by_device(conn).items()}
            findings += self._watch.count_devices(now, counts, devices.list_devices(conn), stream_of)
            newest = quarantine.newest(conn)
            refused = quarantine.count_by_device(conn, "time", self._refused, newest)
            findings += self._watch.count_misdated(now, refused, stream_of)
            self._refused = newest
        if findings:
            with conn.transaction():
                apply_findings(conn, findings)
