"""What the bench looks after between backtests: grades of shadows, and runs that are too old."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg

from analytics.backtest.beside import grade_beside
from store import backtests, shadows
from store.shadows import Shadow
from telemetry.city import City
from telemetry.errors import CityOpsError

_log = logging.getLogger(__name__)

_EVERY = timedelta(minutes=2)
_FINAL = timedelta(days=7)
"""How long after a shadow ended labels of its time are still awaited."""
_MOST_SHADOWS = 5
"""As many as the page shows."""


@dataclass(slots=True)
class Chores:
    """Done every two minutes. ``backtest_days``: how long runs that have ended are kept; 0: for ever."""

    city: City
    backtest_days: int
    done_at: datetime = field(default=datetime.min.replace(tzinfo=UTC))

    def look(self, conn: psycopg.Connection, now: datetime) -> None:
        """Do what is due at ``now``."""
        if now - self.done_at < _EVERY:
            return
        self.done_at = now
        if self.backtest_days:
            gone = backtests.prune(conn, now - timedelta(days=self.backtest_days))
            if gone:
                _log.info("%d backtests are older than %d days and gone", gone, self.backtest_days)
        for shadow in shadows.list_shadows(conn, _MOST_SHADOWS):
            if shadow.stopped_at is None or now - shadow.stopped_at < _FINAL:
                self._grade(conn, shadow, now)

    def _grade(self, conn: psycopg.Connection, shadow: Shadow, now: datetime) -> None:
        end = shadow.stopped_at or now
        try:
            with conn.transaction():
                grades = grade_beside(
                    conn, self.city, shadow.configuration, shadow.shadow_id, shadow.started_at, end
                )
        except CityOpsError as error:  # a configuration that this software does not know
            _log.debug("shadow %d cannot be graded: %s", shadow.shadow_id, error)
            return
        if grades:
            shadows.keep_grades(conn, shadow.shadow_id, grades)
