"""The tailer: reads what was committed, in order, and makes frames of it.

A thread of its own, for the store is synchronous. It begins at the heads of the logs
and the newest values; a lost database is said in the frames and tried again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event

import msgspec
import psycopg

from dashboard.live.picture import Picture
from store import alerts, batches, devices, latest, pool, quality
from telemetry.quality import RULES
from telemetry.readings import to_micros

FRAME_GAP_S = 0.15
"""At most some seven frames a second: a change waits 0.15 s for company at most, so that from its
commit to an open page stays under 0.2 s."""
TICK_S = 1.0
"""A frame is sent at least this often, so that a client knows the link lives."""
RECONCILE_S = 30.0
"""How often everything is read without a notice: one may be lost, and devices are added."""
_RETRY_S = (0.5, 1.0, 2.0, 5.0)

_log = logging.getLogger(__name__)


class Tailer:
    """Follows the database until ``stop``; hands each frame's text to ``publish``."""

    def __init__(
        self, database_url: str, picture: Picture, publish: Callable[[str], None], stop: Event
    ) -> None:
        self._url = database_url
        self._picture = picture
        self._publish = publish
        self._stop = stop
        self._sent_at = 0.0
        self._heads: dict[str, int] = {}
        self._last_event = 0
        self._registered: tuple[int, ...] = ()
        self.frames = 0
        self.batches = 0

    def run(self) -> None:
        """Follow, and begin again with a growing pause where the database is lost."""
        failures = 0
        while not self._stop.is_set():
            try:
                with pool.connect(self._url, name="dashboard-live", autocommit=True) as conn:
                    self._start(conn)
                    failures = 0
                    self._follow(conn)
            except psycopg.Error as error:
                if failures == 0:
                    _log.warning("live feed: lost the database: %s", str(error).strip())
                self._picture.set_feed(up=False)
                self._rest(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
                failures += 1

    def _start(self, conn: psycopg.Connection) -> None:
        batches.listen(conn)
        alerts.listen(conn)
        # Heads first: what is committed between the two reads is read twice, and is the same.
        self._heads = batches.heads(conn)
        self._last_event = alerts.last_event_id(conn)
        self._read_catalogue(conn)
        self._picture.set_latest(latest.read_latest(conn))
        self._picture.set_alerts(alerts.list_live(conn))
        self._picture.set_faults(quality.list_standing(conn))
        self._picture.set_feed(up=True)
        _log.info("live feed: following %d logs", len(self._heads))

    def _follow(self, conn: psycopg.Connection) -> None:
        reconciled_at = time.monotonic()
        while not self._stop.is_set():
            noticed = {notice.channel for notice in conn.notifies(timeout=self._patience(), stop_after=1)}
            now = time.monotonic()
            reconcile = now - reconciled_at >= RECONCILE_S
            if reconcile or batches.CHANNEL in noticed:
                self._read_batches(conn)
            if reconcile or alerts.CHANNEL in noticed:
                self._read_alerts(conn)
            if reconcile:
                reconciled_at = now
                self._picture.set_alerts(alerts.list_live(conn))
                self._picture.set_faults(quality.list_standing(conn))
                self._read_catalogue(conn)
            self._send_when_due()

    def _patience(self) -> float:
        """How long to wait for a notice: to the next frame where one is due, else to the tick."""
        wait = FRAME_GAP_S if self._picture.changed else TICK_S
        return max(0.001, self._sent_at + wait - time.monotonic())

    def _send_when_due(self) -> None:
        now = time.monotonic()
        gap = FRAME_GAP_S if self._picture.changed else TICK_S
        if now - self._sent_at < gap:
            return
        self._sent_at = now
        self.frames += 1
        frame = self._picture.frame(time.time_ns() // 1000)
        self._publish(msgspec.json.encode(frame).decode())

    def _read_catalogue(self, conn: psycopg.Connection) -> None:
        # Tens of thousands of rows are made into objects only where one of them is new.
        registered = devices.registry_digest(conn)
        if registered == self._registered:
            return
        self._registered = registered
        self._picture.set_catalogue(devices.list_devices(conn), devices.list_streams(conn))

    def _read_batches(self, conn: psycopg.Connection) -> None:
        known = True
        for ingestor, head in batches.heads(conn).items():
            # A log that began while we watched is read from its start.
            while (seen := self._heads.get(ingestor, 0)) < head:
                entries = batches.read_after(conn, ingestor, seen)
                for entry in entries:
                    known &= self._apply(entry)
                self._heads[ingestor] = entries[-1].seq if entries else head
        if not known:
            self._read_catalogue(conn)

    def _apply(self, batch: batches.Batch) -> bool:
        self.batches += 1
        return self._picture.apply_readings(batch.readings, to_micros(batch.committed_at))

    def _read_alerts(self, conn: psycopg.Connection) -> None:
        of_sensors = False
        for event_id, alert in alerts.changed_since(conn, self._last_event):
            self._last_event = event_id
            self._picture.apply_alert(alert)
            of_sensors |= alert.rule in RULES
        if of_sensors:  # written in the transaction that told of the alert
            self._picture.set_faults(quality.list_standing(conn))

    def _rest(self, seconds: float) -> None:
        """Wait, and keep telling the sockets that the feed is down."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stop.wait(min(TICK_S, seconds)):
            self._send_when_due()
