"""The analytics process: one engine, kept going through whatever the database does."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import psycopg

from alerts.closing import close_resolved
from analytics import recovery
from analytics.live import LiveEngine
from analytics.platform import PlatformRounds
from analytics.reconfigure import Reconfigurer
from analytics.refit import Refitter
from analytics.times import SECOND, micros
from store import detection, services
from store.batches import listen
from store.locks import try_lock
from store.pool import connect
from telemetry.city import City
from telemetry.errors import EngineError
from telemetry.settings import Settings

_log = logging.getLogger(__name__)

NAME = "analytics"

_WAIT_S = 0.5
_SAVE_US = 30 * SECOND
_BEAT_US = 2 * SECOND
_CLOSE_US = 60 * SECOND
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 15.0


def run(settings: Settings, city: City, stop: threading.Event) -> None:
    """Score committed readings until ``stop``; returns when memory is kept.

    Connection losses and other transient database errors are waited out with a capped
    backoff; the engine is then made anew from its snapshot, since its memory may be
    ahead of what was committed.
    """
    if settings.database_url is None:
        raise EngineError("analytics has no database", cure="set DATABASE_URL")
    pause_s = _FIRST_PAUSE_S
    while not stop.is_set():
        began = time.monotonic()
        try:
            with connect(settings.database_url, name=NAME, autocommit=True) as conn:
                _serve(conn, settings, settings.database_url, city, stop)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if time.monotonic() - began > _LONGEST_PAUSE_S:
                pause_s = _FIRST_PAUSE_S
            _log.warning("database: %s; again in %.2f s", error, pause_s)
            stop.wait(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)


def _serve(
    conn: psycopg.Connection, settings: Settings, database_url: str, city: City, stop: threading.Event
) -> None:
    if not _alone(conn, stop):
        return
    listen(conn)
    detection.listen(conn)
    _beat(conn, {"state": "warming"})
    engine = recovery.start(conn, city, _now())
    refitter = Refitter(database_url, _now())
    changes = Reconfigurer(database_url, city, _now)
    try:
        platform = PlatformRounds(conn, settings.platform)
        _loop(conn, engine, refitter, changes, platform, timedelta(hours=settings.alerts.close_after_h), stop)
    finally:
        changes.close()
        refitter.close()
    engine.save(conn, _now())


def _loop(
    conn: psycopg.Connection,
    engine: LiveEngine,
    refitter: Refitter,
    changes: Reconfigurer,
    platform: PlatformRounds,
    close_after: timedelta,
    stop: threading.Event,
) -> None:
    beaten = closed = 0
    woken = False
    while not stop.is_set():
        behind = engine.consume(conn) > 0
        changes.poll(conn, engine, woken=woken)
        now = _now()
        fitted = refitter.poll(engine, now)
        if fitted:
            engine.learn(conn, fitted, now)
        elif now - engine.saved >= _SAVE_US:
            engine.save(conn, now)
        if now - beaten >= _BEAT_US:
            _beat(conn, _vitals(engine, now - engine.last_commit if behind else 0) | changes.vitals(engine))
            platform.look(conn, datetime.now(UTC), changes.refused)
            beaten = now
        if close_after and now - closed >= _CLOSE_US:
            close_resolved(conn, datetime.now(UTC), close_after)
            closed = now
        woken = False
        if not behind:
            engine.tick(conn, now)
            woken = _wait(conn)


def _alone(conn: psycopg.Connection, stop: threading.Event) -> bool:
    """Wait to be the only analytics process; ``False`` if stopped before."""
    told = False
    while not try_lock(conn, NAME):
        if not told:
            _log.warning("another analytics process is at work; waiting for it to end")
            told = True
        if stop.wait(_WAIT_S):
            return False
    return True


def _wait(conn: psycopg.Connection) -> bool:
    """Until something is committed, or half a second; whether the detectors are to change."""
    notices = list(conn.notifies(timeout=_WAIT_S, stop_after=1))
    return any(notice.channel == detection.CHANNEL for notice in notices)


def _beat(conn: psycopg.Connection, detail: dict[str, object]) -> None:
    services.beat(conn, services.Service(NAME, os.getpid(), socket.gethostname(), detail))


def _vitals(engine: LiveEngine, lag_us: int) -> dict[str, object]:
    """What the engine says of itself.

    ``lag_s`` is how long ago was committed what it scored last, 0 where nothing waits.
    """
    counts, stages = engine.counts, engine.core.pipeline.stages
    of_detectors = {k: v for stage in stages for k, v in stage.detector.counts().items()}
    return {
        "state": "scoring",
        "lag_s": round(lag_us / SECOND, 3),
        "scored": counts.scored,
        "batches": counts.batches,
        "findings": counts.findings,
        "strangers": counts.strangers,
        "unfit": counts.unfit,
        "log_gaps": engine.gaps,
        "standing": sum(len(stage.decider.standing()) for stage in stages),
        "streams": len(engine.core.roster),
        **of_detectors,
    }


def _now() -> int:
    return micros(datetime.now(UTC))
