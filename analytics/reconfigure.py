"""Changes of the configuration, without a restart: noticed, prepared beside the loop, put in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import psycopg

from analytics import versions
from analytics.candidate import Candidate, make_candidate, swap
from analytics.live import LiveEngine
from analytics.times import SECOND
from store import detection
from store.offsets import get_offsets
from store.pool import connect
from telemetry.city import City
from telemetry.errors import ConfigError

_log = logging.getLogger(__name__)

_LOOK_US = SECOND
_AGAIN_US = 10 * SECOND
"""How soon to try again where the database failed."""
_NEAR = 8
"""Entries behind the live engine that the loop itself may do in the swap."""
_PAUSE_S = 0.05


class Reconfigurer:
    """Brings the version that was activated last into force.

    The thread warms new detectors up and lets them follow the log; the loop puts them in,
    between two batches. A version that cannot be used leaves the one in force where it is,
    and ``fault`` says what is wrong with it.
    """

    def __init__(self, database_url: str, city: City, clock: Callable[[], int]) -> None:
        self.fault = ""
        """What is wrong with the version that was activated last."""
        self.refused: int | None = None
        """That version."""
        self._clock = clock
        self._database_url = database_url
        self._city = city
        self._looked = self._not_before = 0
        self._candidate: Candidate | None = None
        self._thread: threading.Thread | None = None
        self._halt = threading.Event()
        self._trouble: Exception | None = None

    def poll(self, conn: psycopg.Connection, engine: LiveEngine, *, woken: bool = False) -> None:
        """Look for a change once a second or where ``woken``, and put in what is ready.

        To be called between two batches; failing of the database goes through.
        """
        now = self._clock()
        if woken or now - self._looked >= _LOOK_US:
            self._looked = now
            self._look(conn, engine, now)
        if self._candidate is not None and self._is_idle():
            self._put_in(conn, engine, self._candidate, now)

    def begin_again(self) -> None:
        """Give up a change under way, which is of an engine's detectors as they were, and begin it anew."""
        self._give_up()

    def close(self) -> None:
        """Give up a change under way; it ends within a slice."""
        self._give_up()
        if self._thread is not None:
            self._thread.join()

    def vitals(self, engine: LiveEngine) -> dict[str, Any]:
        """The version in force, the one on its way and what is wrong, for the heartbeat."""
        said: dict[str, Any] = {"configuration": engine.version}
        if self._candidate is not None:
            said["configuration_next"] = self._candidate.chosen.version
        if self.fault:
            said["configuration_fault"] = self.fault
        return said

    def _look(self, conn: psycopg.Connection, engine: LiveEngine, now: int) -> None:
        wanted = detection.active_version(conn)
        if wanted == engine.version or wanted is None:
            self._give_up()
            self.fault, self.refused = "", None
        elif self._candidate is not None and self._candidate.chosen.version == wanted:
            return
        elif wanted != self.refused and now >= self._not_before:
            self._give_up()
            if self._is_idle():
                self._begin(conn, engine, wanted)

    def _begin(self, conn: psycopg.Connection, engine: LiveEngine, version: int) -> None:
        try:
            candidate = make_candidate(engine, self._city, versions.read(conn, version))
        except (ConfigError, ValueError) as error:
            self._refuse(version, engine.version, error)
            return
        self._halt, self._trouble, self._candidate = threading.Event(), None, candidate
        if candidate.fresh:
            names = ", ".join(stage.name for stage in candidate.fresh)
            _log.info("version %d of the detectors: warming %s from history", version, names)
            arguments = (candidate, self._halt)
            self._thread = threading.Thread(target=self._prepare, args=arguments, name="reconfigure")
            self._thread.start()

    def _prepare(self, candidate: Candidate, halt: threading.Event) -> None:
        try:
            with connect(self._database_url, name="analytics-change", autocommit=True) as conn:
                candidate.warm(conn, self._clock, halt)
                while not halt.is_set():
                    offsets = get_offsets(conn, candidate.follower.shard.consumer)
                    done = candidate.follow(conn, offsets)
                    if done <= _NEAR and candidate.reached_by(offsets):
                        return
                    if not done:
                        halt.wait(_PAUSE_S)
        except Exception as error:  # noqa: BLE001  (the thread's outer end; the loop tells of it)
            self._trouble = error

    def _put_in(self, conn: psycopg.Connection, engine: LiveEngine, candidate: Candidate, now: int) -> None:
        self._candidate = None
        version, before = candidate.chosen.version, engine.version
        trouble = self._trouble or _catch_up(conn, engine, candidate)
        if isinstance(trouble, psycopg.Error):
            if conn.closed:
                raise trouble
            self._not_before = now + _AGAIN_US
            _log.warning("version %d of the detectors waits: %s", version, trouble)
        elif trouble is not None:
            self._refuse(version, before, trouble)
        elif candidate.fits(engine):
            swap(conn, engine, candidate, now)
            self.fault, self.refused = "", None
            _log.info("version %d of the detectors is in force, after version %d", version, before)
        else:  # devices were registered meanwhile: begin anew, from a memory that knows them
            engine.save(conn, now)

    def _refuse(self, version: int, stays: int, error: Exception) -> None:
        self.refused = version
        self.fault = f"version {version} of the detectors cannot be used: {error}"
        _log.error("%s; version %d stays in force", self.fault, stays)

    def _give_up(self) -> None:
        self._candidate = None
        self._halt.set()

    def _is_idle(self) -> bool:
        return self._thread is None or not self._thread.is_alive()


def _catch_up(conn: psycopg.Connection, engine: LiveEngine, candidate: Candidate) -> Exception | None:
    """The last few entries, and devices registered meanwhile; what went wrong, if anything."""
    try:
        candidate.catch_up(conn, engine)
    except Exception as error:  # noqa: BLE001  (a detector that cannot begin must not end the others)
        return error
    engine.reload(conn)
    return None
