"""The ingest process: take, write, acknowledge; for ever."""

from __future__ import annotations

import gc
import logging
import os
import random
import socket
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg

from ingest.backoff import backoff_s
from ingest.clocks import ClockWatch
from ingest.fairness import Allowance, Fairness
from ingest.inbox import Inbox
from ingest.message import Message
from ingest.replay import Replayer
from ingest.subscriber import Subscriber
from ingest.writer import Flushed, Writer
from store import batches, clocks, replays
from store.locks import try_lock
from store.pool import connect
from store.services import Service, beat, leave
from store.watchdog import Watchdog
from telemetry.errors import ConfigError
from telemetry.formats import Formats
from telemetry.settings import Settings

logger = logging.getLogger(__name__)

_BEAT_S = 2.0
_PRUNE_S = 60.0
_CLOCKS_S = 10.0
_OBJECTS_BETWEEN_COLLECTIONS = 100_000
_REPLAY_S = 1.0
_LOG_KEPT = timedelta(days=1)
"""The ordered log is for consumers that are a little behind, not for history."""
_LOG_HELD = timedelta(days=3)
"""So long it is kept for one that is far behind; then the disk counts for more."""


def run(settings: Settings, stop: threading.Event) -> None:
    """Serve until ``stop``; survives a database or a broker that goes away."""
    if not settings.database_url or not settings.mqtt_url:
        raise ConfigError(
            "ingest needs a database and a broker",
            cure="set DATABASE_URL and MQTT_URL, or run `cityops demo`",
        )
    formats = Formats(settings.ingest.formats)
    inbox = Inbox(capacity=2 * settings.ingest.in_flight)
    limits = settings.ingest
    subscriber = Subscriber(
        settings.mqtt_url,
        settings.ingestor,
        inbox,
        limits.in_flight,
        formats.subscriptions,
        settings.tls,
        keepalive_s=limits.keepalive_s,
        share=limits.share,
    )
    process = _Process(settings, inbox, subscriber, stop, formats)
    _collect_seldom()
    subscriber.start()
    try:
        process.serve()
    finally:
        subscriber.stop()


def _collect_seldom() -> None:
    """Messages come by the ten thousand and have no cycles: looking for some at every 700th is lost time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 50)


class _Process:
    """The writing loop, with the connection it holds and what it counts."""

    def __init__(
        self,
        settings: Settings,
        inbox: Inbox,
        subscriber: Subscriber,
        stop: threading.Event,
        formats: Formats,
    ) -> None:
        self._formats = formats
        self.name = settings.ingest_service
        self.clocks = ClockWatch(settings.ingest.clock_every_s)
        self._settings = settings
        self._inbox = inbox
        self._subscriber = subscriber
        self._stop = stop
        self._rng = random.Random()  # noqa: S311 - jitter, not a secret
        self._counts = {"messages": 0, "committed": 0, "duplicates": 0, "refused": 0}
        self._pending: Sequence[Message] = []
        self._excess: dict[str, list[Message]] = {}
        limits = settings.ingest
        self._fairness = Fairness(
            Allowance(limits.device_rate_per_s, limits.device_burst),
            Allowance(limits.gateway_rate_per_s, limits.gateway_burst),
            formats.route,
        )
        self._beyond_rate = self._fast_devices = 0
        self._messages_before = 0
        self._database_losses = 0
        self._oldest_lag_s = 0.0

    def serve(self) -> None:
        """Connect, write until the database goes away, and again with backoff."""
        attempt = 0
        while not self._stop.is_set():
            try:
                self._write_on_a_connection()
            except psycopg.OperationalError as error:
                # Nothing was acknowledged: what is pending is tried again, the rest waits at the broker.
                self._database_losses += 1
                wait_s = backoff_s(attempt, self._rng)
                logger.warning("the database is away, trying again in %.1f s: %s", wait_s, _first_line(error))
                attempt = 0 if self._progressed() else attempt + 1
                self._stop.wait(wait_s)
            else:
                return

    def _write_on_a_connection(self) -> None:
        patience_s = self._settings.ingest.database_patience_s
        url = self._settings.database_url or ""
        conn = connect(url, name=self._settings.ingest_service, patience_s=patience_s)
        with Watchdog(conn, patience_s) as watchdog, conn:
            if self._alone(conn, watchdog):
                self._write_until_stopped(conn, watchdog)

    def _alone(self, conn: psycopg.Connection, watchdog: Watchdog) -> bool:
        """Wait until the log is ours alone; ``False`` where we are stopped before that."""
        name = f"ingest {self._settings.ingestor}"
        told = False
        while not self._stop.is_set():
            with watchdog.watching():
                taken = try_lock(conn, name)
                conn.commit()
            if taken:
                return True
            if not told:
                logger.warning(
                    "another process ingests as %r; waiting for it to end", self._settings.ingestor
                )
                told = True
            self._stop.wait(0.5)
        return False

    def _progressed(self) -> bool:
        before, self._messages_before = self._messages_before, self._counts["messages"]
        return before != self._messages_before

    def _write_until_stopped(self, conn: psycopg.Connection, watchdog: Watchdog) -> None:
        with watchdog.watching():
            writer = Writer(conn, self._settings.ingestor, self._settings.ingest, self._formats, self.clocks)
        logger.info("ready: %d devices registered", len(writer.catalog))
        chores = _Chores(conn, self, Replayer(writer))
        while not self._stop.is_set():
            self._flush(writer, watchdog)
            with watchdog.watching():
                chores.do(time.monotonic())
        self._flush(writer, watchdog)
        with watchdog.watching():
            chores.leave()

    def _flush(self, writer: Writer, watchdog: Watchdog) -> None:
        limits = self._settings.ingest
        if not self._pending and not self._excess:
            split = self._fairness.split(self._inbox.take(limits.max_batch, limits.max_age_s, patience_s=0.2))
            self._pending, self._excess = split.fair, split.excess
        if not self._pending and not self._excess:
            self._oldest_lag_s = 0.0  # nothing waits
        # The others first: a device beyond its rate is the one that waits.
        if self._pending:
            self._write_pending(writer, watchdog)
        if self._excess:
            self._refuse_excess(writer, watchdog)

    def _refuse_excess(self, writer: Writer, watchdog: Watchdog) -> None:
        with watchdog.watching():
            refused = writer.refuse(self._excess)
        for messages in self._excess.values():
            self._subscriber.acknowledge(messages)
        for name in self._counts:
            self._counts[name] += getattr(refused, name)
        self._beyond_rate += refused.refused
        self._fast_devices = len(self._excess)
        self._excess = {}

    def _write_pending(self, writer: Writer, watchdog: Watchdog) -> None:
        with watchdog.watching():
            flushed = writer.write(self._pending)
        self._subscriber.acknowledge(self._pending)
        for topic, payload in self._formats.requests(time.monotonic_ns() // 1_000):
            self._subscriber.publish(topic, payload)
        self._count(flushed, self._pending[0])
        self._pending = []

    def _count(self, flushed: Flushed, oldest: Message) -> None:
        for name in self._counts:
            self._counts[name] += getattr(flushed, name)
        # The wall clock may have been set back since.
        self._oldest_lag_s = max(0.0, time.time() - oldest.received_at / 1e6)

    def report(self) -> dict[str, object]:
        """What the heartbeat says: counts since the start, and how far behind we are."""
        return {
            **self._counts,
            "ingestor": self._settings.ingestor,
            "waiting": len(self._inbox),
            "most_waiting": self._inbox.most,
            "pending": len(self._pending),
            "overflowed": self._inbox.overflowed,
            "broker_losses": self._subscriber.reconnects,
            "database_losses": self._database_losses,
            "beyond_rate": self._beyond_rate,
            "fast_devices": self._fast_devices,
            "lag_s": round(self._oldest_lag_s, 3),
            "broker": "connected" if self._subscriber.connected.is_set() else "away",
        }


class _Chores:
    """What the writing loop does now and then: heartbeat, clock offsets, replays and pruning."""

    def __init__(self, conn: psycopg.Connection, process: _Process, replayer: Replayer) -> None:
        self._conn = conn
        self._process = process
        self._replayer = replayer
        self._next_beat = self._next_prune = self._next_clocks = self._next_replay = 0.0

    def do(self, now_s: float) -> None:
        """Do what is due at a monotonic time."""
        if now_s >= self._next_beat:
            self._next_beat = now_s + _BEAT_S
            self._beat()
        if now_s >= self._next_clocks:
            self._next_clocks = now_s + _CLOCKS_S
            self._put_clocks(now_s)
        if now_s >= self._next_replay and not self._replayer.do_some():
            self._next_replay = now_s + _REPLAY_S  # asked again at once while there is more
        if now_s >= self._next_prune:
            self._next_prune = now_s + _PRUNE_S
            with self._conn.transaction():
                batches.expire(self._conn, _LOG_KEPT, _LOG_HELD)
                replays.prune(self._conn, datetime.now(UTC) - _LOG_KEPT)

    def _put_clocks(self, now_s: float) -> None:
        offsets = self._process.clocks.due(now_s)
        if offsets:
            with self._conn.transaction():
                clocks.put_clocks(self._conn, offsets)

    def _beat(self) -> None:
        with self._conn.transaction():
            beat(self._conn, self._service())

    def leave(self) -> None:
        """Stopped in order: who is not expected any more is not missed."""
        with self._conn.transaction():
            leave(self._conn, self._service())

    def _service(self) -> Service:
        return Service(self._process.name, os.getpid(), socket.gethostname(), self._process.report())


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
