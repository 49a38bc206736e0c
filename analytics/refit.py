"""Fresh models now and then, fitted beside the loop in a thread with its own connection."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import psycopg

from analytics.columns import Columns
from analytics.history import fit_all
from analytics.live import LiveEngine
from analytics.stages import Stage
from analytics.times import HOUR, SECOND
from store.pool import connect

_log = logging.getLogger(__name__)

_PERIOD_US = HOUR
_SETTLE_US = 60 * SECOND
"""After a start, catching up comes first."""
_AGAIN_US = 600 * SECOND
"""How soon to try again where a fit failed or history was too short for it."""


class Refitter:
    """Fits models when they are due and hands them over when asked.

    The thread reads history and calls the detectors' `fit`, which changes nothing;
    taking the models up is the loop's work, between two batches.
    """

    def __init__(self, database_url: str, started: int) -> None:
        self._database_url = database_url
        self._not_before = started + _SETTLE_US
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self._fitted: dict[str, Columns] = {}
        self._stages: Sequence[Stage] = ()
        """Those being fitted; one that is replaced meanwhile has no use for its model."""

    def poll(self, engine: LiveEngine, now: int) -> dict[str, Columns]:
        """Fresh models if a fit has ended since the last call; begins one when due."""
        if self._thread is None:
            if now >= max(engine.fitted + _PERIOD_US, self._not_before):
                self._stages = engine.core.pipeline.stages
                self._thread = threading.Thread(target=self._run, args=(engine, now), name="refit")
                self._thread.start()
        elif not self._thread.is_alive():
            self._thread = None
            self._not_before = now + _AGAIN_US
            fitted, self._fitted = self._fitted, {}
            same = {id(stage) for stage in self._stages}
            kept = {stage.name for stage in engine.core.pipeline.stages if id(stage) in same}
            return {name: model for name, model in fitted.items() if name in kept}
        return {}

    def close(self) -> None:
        """Give up a fit under way; it ends within a slice."""
        self._halt.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, engine: LiveEngine, now: int) -> None:
        try:
            with connect(self._database_url, name="analytics-refit", autocommit=True) as conn:
                self._fitted = fit_all(conn, self._stages, engine.core.roster, now, self._halt)
        except psycopg.Error as error:
            _log.warning("no fresh models this time: %s", error)
