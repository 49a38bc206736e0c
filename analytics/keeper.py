"""Memory kept beside the loop: compressing and writing it takes longer than an alert may wait.

The loop takes a copy between two batches, some milliseconds; a thread with its own connection
does the rest. What the loop does meanwhile is in the steps after the copy, which stay.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import psycopg

from analytics.columns import Columns
from analytics.live import LiveEngine
from analytics.memory import Memory, Models
from analytics.times import SECOND
from store.pool import connect

_log = logging.getLogger(__name__)

_EVERY_US = 30 * SECOND


class Keeper:
    """Keeps an engine's memory every half minute, and fresh models before they come into use.

    One thing at a time. Models come into use with a step, which a replay retraces with what
    was kept for it; the snapshot that follows holds them.
    """

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._thread: threading.Thread | None = None
        self._job: _Job | None = None
        self._fresh: Models | None = None

    def offer(self, fitted: Mapping[str, Columns], now: int) -> None:
        """Models to be used once they are kept."""
        self._fresh = Models(fitted, now)

    def poll(self, conn: psycopg.Connection, engine: LiveEngine, now: int) -> None:
        """Take note of what has been kept, and begin what is due; to be called between two batches."""
        if self._thread is not None and self._thread.is_alive():
            return
        job, self._job = self._job, None
        if job is not None:
            job.settle(conn, engine, now)
        if now - engine.saved >= _EVERY_US:
            self._begin(_KeepMemory(engine.memory(models=engine.unkept), engine))
            engine.saved = now
        elif self._fresh is not None and not engine.unkept:  # or a replay would miss those of before
            self._begin(_KeepModels(self._fresh, engine))
            self._fresh = None

    def close(self) -> None:
        """Wait for what is under way."""
        if self._thread is not None:
            self._thread.join()

    def _begin(self, job: _Job) -> None:
        self._job = job
        self._thread = threading.Thread(target=self._run, args=(job,), name="keeper")
        self._thread.start()

    def _run(self, job: _Job) -> None:
        try:
            with connect(self._database_url, name="analytics-keeper", autocommit=True) as conn:
                job.run(conn)
        except psycopg.Error as error:
            _log.warning("not kept this time: %s", error)


class _Job(Protocol):
    """Work of the thread, and what the loop makes of it."""

    def run(self, conn: psycopg.Connection) -> None: ...
    def settle(self, conn: psycopg.Connection, engine: LiveEngine, now: int) -> None: ...


class _KeepMemory:
    def __init__(self, memory: Memory, engine: LiveEngine) -> None:
        self._memory, self._before = memory, engine.kept_at
        self._kept_at: datetime | None = None
        self._refused = False

    def run(self, conn: psycopg.Connection) -> None:
        self._kept_at = self._memory.follow(conn, self._before)
        self._refused = self._kept_at is None

    def settle(self, conn: psycopg.Connection, engine: LiveEngine, now: int) -> None:
        if engine.kept_at != self._before:
            return  # the loop has kept more meanwhile
        if self._kept_at is not None:
            engine.kept_at = self._kept_at
            engine.unkept = engine.unkept and self._memory.learnt is None
        elif self._refused:  # somebody meddled, yet the lock is ours
            engine.save(conn, now, models=True)


class _KeepModels:
    def __init__(self, models: Models, engine: LiveEngine) -> None:
        self._models, self._shard, self._before = models, engine.shard, engine.kept_at
        self._kept = False

    def run(self, conn: psycopg.Connection) -> None:
        self._kept = self._models.keep_fresh(conn, self._shard, self._before)

    def settle(self, conn: psycopg.Connection, engine: LiveEngine, now: int) -> None:
        del now  # the models know when they were fitted
        # A change of the detectors keeps a snapshot of its own: these would be of those before.
        if self._kept and engine.kept_at == self._before:
            engine.take_up(conn, self._models)
