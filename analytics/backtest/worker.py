"""The bench process: does the backtests that were asked for, one after another, each in a child.

A child has a memory and a priority of its own, can be killed, and takes nothing else with
it. This process waits, starts it, and gives back what a child that died left undone. The
shadow, where there is one, is a child too.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from analytics.backtest.chores import Chores
from store import backtests, services, shadows
from store.pool import connect
from telemetry.city import City
from telemetry.errors import EngineError
from telemetry.settings import Settings

_log = logging.getLogger(__name__)

NAME = "bench"
_WAIT_S = 1.0
_PAUSE_S = 2.0
_GRACE_S = 8.0
_LONGEST_PAUSE_S = 60.0
NICENESS = 10


@dataclass(slots=True)
class Child:
    """A process of ours. It ends with us: it watches its standard input, which closes when we do."""

    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    name: str = ""
    started: int = 0
    failures: int = 0
    """Times in a row that it ended with an error."""
    not_before: float = 0.0
    """When it may be started again, on the monotonic clock."""

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it, under a name that no other process has; not at once again where it failed."""
        if time.monotonic() < self.not_before:
            return
        self.started += 1
        self.name = f"{NAME} {socket.gethostname()} {os.getpid()}-{self.started}"
        self.process = subprocess.Popen([*self.command, self.name], stdin=subprocess.PIPE)  # noqa: S603

    def ended(self) -> bool:
        """Whether it has ended since it was started; once."""
        if self.process is None or self.process.poll() is None:
            return False
        self.failures = self.failures + 1 if self.process.returncode else 0
        if self.failures:
            pause_s = min(_LONGEST_PAUSE_S, 2.0 ** (self.failures - 1) - 1.0)
            self.not_before = time.monotonic() + pause_s
            _log.warning(
                "%s ended with code %d; again in %.0f s", self.name, self.process.returncode, pause_s
            )
        self._forget()
        return True

    def stop(self) -> None:
        """Ask it to stop, and kill it after a while."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._forget()

    def _forget(self) -> None:
        assert self.process is not None
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None


@dataclass(slots=True)
class Bench:
    """What the process keeps: its two children, and what it looks after between them."""

    backtest: Child
    shadow: Child
    chores: Chores | None = None
    done: int = field(default=0)

    def look(self, conn: psycopg.Connection) -> None:
        """Start what is to do, stop what is not, give back what was left."""
        if self.backtest.ended():
            self.done += 1
            backtests.recover(conn, worker=self.backtest.name)
        backtests.recover(conn)
        if not self.backtest.is_running and backtests.count_waiting(conn):
            self.backtest.start()
        self._mind_shadow(conn)
        if self.chores is not None:
            self.chores.look(conn, datetime.now(UTC))

    def stop(self) -> None:
        """Stop both."""
        self.backtest.stop()
        self.shadow.stop()

    def _mind_shadow(self, conn: psycopg.Connection) -> None:
        wanted = shadows.running(conn) is not None
        self.shadow.ended()
        if wanted and not self.shadow.is_running:
            self.shadow.start()
        elif not wanted and self.shadow.is_running:
            self.shadow.stop()


def run(
    settings: Settings, city: City, backtest: Sequence[str], shadow: Sequence[str], stop: threading.Event
) -> None:
    """Do what is asked for until ``stop``; survives a database that goes away.

    Parameters
    ----------
    backtest, shadow
        Commands of the two children; each is given its name as the last argument.
    """
    if settings.database_url is None:
        raise EngineError("the bench has no database", cure="set DATABASE_URL")
    bench = Bench(Child(backtest), Child(shadow), Chores(city, settings.store.backtest_days))
    try:
        while not stop.is_set():
            try:
                with connect(settings.database_url, name=NAME, autocommit=True) as conn:
                    _serve(conn, bench, stop)
            except psycopg.Error as error:
                _log.warning("database: %s; again in %.0f s", error, _PAUSE_S)
                stop.wait(_PAUSE_S)
    finally:
        bench.stop()


def _serve(conn: psycopg.Connection, bench: Bench, stop: threading.Event) -> None:
    backtests.listen(conn)
    while not stop.is_set():
        bench.look(conn)
        state = "at work" if bench.backtest.is_running else "waiting"
        detail = {"state": state, "done": bench.done, "shadow": bench.shadow.is_running}
        services.beat(conn, services.Service(NAME, os.getpid(), socket.gethostname(), detail))
        for _ in conn.notifies(timeout=_WAIT_S, stop_after=1):
            pass


def end_with_parent(stop: threading.Event) -> None:
    """In a child: yield to the live processes, and stop when whoever started it is gone."""
    os.nice(NICENESS)

    def watch() -> None:
        sys.stdin.buffer.read()
        stop.set()

    threading.Thread(target=watch, name="parent", daemon=True).start()
