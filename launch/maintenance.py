"""The maintenance process: what was stored goes into the rollups, what is too old goes away."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from datetime import UTC, datetime

import psycopg

from store import changes, rollups
from store.horizons import read_horizons
from store.locks import try_lock
from store.pool import connect
from store.retention import apply_policies, expire
from store.services import Service, beat
from telemetry.errors import EngineError
from telemetry.settings import Settings

_log = logging.getLogger(__name__)

NAME = "maintenance"
_BEAT_S = 2.0
_PAUSE_S = 2.0
"""Before another try where the database is away, or another process maintains it."""

_LONG_S = 10.0
"""Summing up that takes longer than this is worth a line in the log."""


def run(settings: Settings, stop: threading.Event) -> None:
    """Maintain until ``stop``; survives a database that goes away."""
    if settings.database_url is None:
        raise EngineError("maintenance has no database", cure="set DATABASE_URL")
    pulse = _Pulse(settings.database_url, stop)
    pulse.start()
    try:
        while not stop.is_set():
            try:
                with connect(settings.database_url, name=NAME, autocommit=True) as conn:
                    _serve(conn, settings, pulse, stop)
            except psycopg.Error as error:
                _log.warning("maintenance stopped, trying again in %.0f s: %s", _PAUSE_S, error)
                pulse.state = "waiting for the database"
                stop.wait(_PAUSE_S)
    finally:
        stop.set()
        pulse.join()


def _serve(conn: psycopg.Connection, settings: Settings, pulse: _Pulse, stop: threading.Event) -> None:
    while not try_lock(conn, NAME):
        pulse.state = "waiting for another to end"
        if stop.wait(_PAUSE_S):
            return
    with conn.transaction():
        apply_policies(conn, settings.store, settings.ingest.oldest_days)
    _log.info("ready")
    expired_at = -settings.store.expire_every_s
    while not stop.is_set():
        pulse.state = "refreshing"
        refresh_all(conn, stop)
        if time.monotonic() - expired_at >= settings.store.expire_every_s:
            pulse.state = "expiring"
            with conn.transaction():
                expire(conn, settings.store, datetime.now(UTC))
            expired_at = time.monotonic()
        pulse.state = "resting"
        stop.wait(settings.store.refresh_s)


def refresh_all(conn: psycopg.Connection, stop: threading.Event) -> int:
    """Bring everything that is behind into the rollups; returns how many changes."""
    horizon = read_horizons(conn).get("reading")
    total, began = 0, time.monotonic()
    while not stop.is_set() and (done := rollups.refresh(conn, horizon)):
        total += done
    took_s = time.monotonic() - began
    if took_s > _LONG_S:
        _log.info("%d changes summed up in %.1f s", total, took_s)
    return total


class _Pulse(threading.Thread):
    """The heartbeat, from a thread of its own: summing up a backlog may take longer than a beat."""

    def __init__(self, database_url: str, stop: threading.Event) -> None:
        super().__init__(name="pulse", daemon=True)
        self._database_url = database_url
        self._stop_event = stop
        self.state = "starting"

    def run(self) -> None:
        """Beat until told to stop."""
        while not self._stop_event.is_set():
            try:
                with connect(self._database_url, name=f"{NAME} pulse", autocommit=True) as conn:
                    while not self._stop_event.is_set():
                        self._beat(conn)
                        self._stop_event.wait(_BEAT_S)
            except psycopg.Error as error:
                _log.debug("no heartbeat: %s", error)
                self._stop_event.wait(_BEAT_S)

    def _beat(self, conn: psycopg.Connection) -> None:
        behind = changes.lag(conn)
        detail = {"state": self.state, "lag_s": round(behind.oldest_s, 1), "pending": behind.pending}
        beat(conn, Service(NAME, os.getpid(), socket.gethostname(), detail))
