"""The analytics process: the shards it has, kept going through whatever the database does.

Who has which shard is nowhere written: a process holds the shard's lock, and a lock ends with
its connection. Each looks every second at who holds what, takes on what is free up to its
fair share, and gives back, in order, what is more.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable

import psycopg

from analytics import recovery
from analytics.duties import Duties
from analytics.resplit import resplit
from analytics.shards import NAME, Shard, fair_share, shards_of
from analytics.times import SECOND, micros
from analytics.vitals import vitals
from analytics.work import Work
from store import detection, services
from store.batches import clock, listen
from store.locks import holders, let_go, own_pid, share_lock, try_lock
from store.pool import connect
from telemetry.city import City
from telemetry.errors import EngineError
from telemetry.settings import Settings

_log = logging.getLogger(__name__)

MEMBERS = "analytics members"
"""The lock that every analytics process shares, so that each can count the others."""

_WAIT_S = 0.5
_LOOK_S = 1.0
_BEAT_US = 2 * SECOND
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 15.0

Clock = Callable[[psycopg.Connection], int]
"""The moment by the clock that stamps the log, microseconds."""


def run(
    settings: Settings, city: City, stop: threading.Event, *, name: str = "", moment: Clock | None = None
) -> None:
    """Score committed readings until ``stop``; returns when memory is kept.

    Connection losses and other transient database errors are waited out with a capped
    backoff; the engines are then made anew from their snapshots, since their memory may be
    ahead of what was committed.

    Parameters
    ----------
    name
        Of this process, where several run: they beat under different names.
    moment
        By default the database's clock.
    """
    if settings.database_url is None:
        raise EngineError("analytics has no database", cure="set DATABASE_URL")
    own_name = f"{NAME} {name}" if name else NAME
    pause_s = _FIRST_PAUSE_S
    while not stop.is_set():
        began = time.monotonic()
        try:
            with connect(settings.database_url, name=NAME, autocommit=True) as conn:
                process = _Process(conn, settings, city, own_name, moment or _database_clock)
                process.serve(stop)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if time.monotonic() - began > _LONGEST_PAUSE_S:
                pause_s = _FIRST_PAUSE_S
            _log.warning("database: %s; again in %.2f s", error, pause_s)
            stop.wait(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)


class _Process:
    """One connection, and the shards whose locks it holds."""

    def __init__(
        self, conn: psycopg.Connection, settings: Settings, city: City, name: str, moment: Clock
    ) -> None:
        self._conn = conn
        self._url = settings.database_url or ""
        self._city = city
        self._name = name
        self._moment = moment
        self._shards = shards_of(settings.analytics.shards)
        self._work: dict[Shard, Work] = {}
        self._duties = Duties(settings)
        self._looked_s = float("-inf")
        self._beaten = 0
        self._told = ""

    def serve(self, stop: threading.Event) -> None:
        """Work until ``stop``, and keep what is remembered; what goes wrong goes through."""
        share_lock(self._conn, MEMBERS)
        listen(self._conn)
        detection.listen(self._conn)
        woken = False
        self._duties.start()
        try:
            while not stop.is_set():
                woken = self._round(woken=woken)
        except BaseException:
            for work in self._work.values():
                work.close()
            raise
        finally:
            self._duties.close()
        for work in self._work.values():
            work.end(self._conn, self._moment(self._conn))

    def _round(self, *, woken: bool) -> bool:
        """Everything once; whether the detectors are to change."""
        conn = self._conn
        if time.monotonic() - self._looked_s >= _LOOK_S:
            self._balance()
            self._looked_s = time.monotonic()
        now = self._moment(conn)
        behind = [work.step(conn, now, woken=woken) for work in self._work.values()]
        if now - self._beaten >= _BEAT_US:
            self._beat(now)
        if any(behind):
            return False
        now = self._moment(conn)
        for work in self._work.values():
            work.engine.tick(conn, now)
        notices = list(conn.notifies(timeout=_WAIT_S, stop_after=1))
        return any(notice.channel == detection.CHANNEL for notice in notices)

    def _balance(self) -> None:
        """Take on or give back shards, so that every process has its fair share."""
        held = holders(self._conn, [MEMBERS, *(shard.consumer for shard in self._shards)])
        owners = {shard: held[shard.consumer][0] for shard in self._shards if held[shard.consumer]}
        me = own_pid(self._conn)
        fair = fair_share(self._shards, owners, held[MEMBERS], me)
        while len(self._work) > fair:
            shard, work = self._work.popitem()
            work.end(self._conn, self._moment(self._conn))
            let_go(self._conn, shard.consumer)
            _log.info("gave shard %s back", shard)
        for shard in self._shards:
            if len(self._work) < fair and shard not in owners and try_lock(self._conn, shard.consumer):
                self._take_on(shard)
        if not self._work and not fair:
            self._tell("others do all the work; waiting")

    def _take_on(self, shard: Shard) -> None:
        conn, now = self._conn, self._moment(self._conn)
        self._say({"state": "warming"})
        old = recovery.begin(conn, shard, now)
        if old is None or resplit(conn, self._city, old, shard.of, now):
            self._work[shard] = Work(conn, self._url, self._city, shard, now)
            return
        self._tell(f"others work on {old} shards and not on {shard.of}; waiting for them to end")
        let_go(conn, shard.consumer)

    def _beat(self, now: int) -> None:
        works = list(self._work.values())
        if works or self._name != NAME:
            self._say(vitals(works, now))
        self._duties.unusable_version = next((w.changes.refused for w in works if w.changes.refused), None)
        self._beaten = now

    def _say(self, detail: dict[str, object]) -> None:
        services.beat(self._conn, services.Service(self._name, os.getpid(), socket.gethostname(), detail))

    def _tell(self, what: str) -> None:
        if what != self._told:
            self._told = what
            _log.warning("%s", what)


def _database_clock(conn: psycopg.Connection) -> int:
    return micros(clock(conn))
