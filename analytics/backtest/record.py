"""Runs that are kept: the plan as a row of the store, and back, and carrying it out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from analytics.backtest.bench import Progress, Watch, execute
from analytics.backtest.plan import Plan
from analytics.backtest.play import Cancelled
from analytics.backtest.results import Run
from analytics.backtest.sources import StoreSource
from store import backtests
from store.backtests import BacktestRun, Request
from store.detection import digest_of
from store.pool import connect
from telemetry.city import City
from telemetry.detection.configuration import configuration_of
from telemetry.detection.trials import trial_options
from telemetry.errors import CityOpsError

_log = logging.getLogger(__name__)


def request_of(
    plan: Plan,
    author: str,
    *,
    name: str = "",
    reason: str = "",
    version: int | None = None,
    point: Mapping[str, Any] | None = None,
    attended: bool = True,
) -> Request:
    """A plan as it is asked for."""
    document = plan.configuration.to_document()
    return Request(
        configuration=document,
        digest=digest_of(document),
        starts_at=plan.start,
        ends_at=plan.end,
        author=author,
        options=msgspec.to_builtins(plan.options),
        name=name,
        reason=reason,
        version=version,
        point=dict(point or {}),
        attended=attended,
    )


def plan_of(run: BacktestRun) -> Plan:
    """The plan that was asked for.

    Raises
    ------
    ConfigError
        This software does not know a detector, a parameter or an option of it.
    """
    configuration = configuration_of(run.configuration)
    return Plan(configuration, run.starts_at, run.ends_at, trial_options(run.options))


def carry_out(
    database_url: str,
    runs: Sequence[BacktestRun],
    city: City,
    worker: str,
    *,
    workers: int | None = 1,
    scheduler: str | None = None,
    progress: Watch | None = None,
) -> list[Run]:
    """Do runs that ``worker`` has begun, over the same time, and keep what comes of them.

    Raises
    ------
    Cancelled
        Someone stopped one of them, and all with it; they are kept as stopped.
    CityOpsError
        They cannot be done; they are kept as failed, with the reason.
    """
    with connect(database_url, name="backtest record", autocommit=True) as conn:
        keeper = _Keeper(conn, runs, worker, progress)
        try:
            found = execute(
                [plan_of(run) for run in runs],
                StoreSource(database_url),
                city,
                [run.name for run in runs],
                workers,
                scheduler,
                keeper.note,
                [run.point for run in runs],
            )
        except (Cancelled, KeyboardInterrupt):
            keeper.stop()
            raise
        except CityOpsError as error:
            keeper.fail(f"{error.message} ({error.cure})" if error.cure else error.message)
            raise
        except psycopg.Error:
            raise  # the database may be back for the next to try
        except Exception as error:
            keeper.fail(f"{type(error).__name__}: {error}")
            raise
        keeper.finish(found)
    return found


class _Keeper:
    """Keeps the rows of runs that are under way together."""

    def __init__(
        self, conn: psycopg.Connection, runs: Sequence[BacktestRun], worker: str, progress: Watch | None
    ) -> None:
        self._conn, self._worker, self._progress = conn, worker, progress
        self._ids = [run.backtest_run_id for run in runs]

    def note(self, progress: Progress) -> None:
        """Write down how far they are; `Cancelled` where one of them should stop."""
        share = progress.readings // len(self._ids)
        going = [backtests.note(self._conn, one, self._worker, progress.share, share) for one in self._ids]
        if not all(going):
            raise Cancelled
        if self._progress is not None:
            self._progress(progress)

    def stop(self) -> None:
        """They have stopped, as they were told to."""
        for one in self._ids:
            backtests.stop(self._conn, one, self._worker)

    def fail(self, why: str) -> None:
        """They could not be done."""
        _log.warning("backtest %s failed: %s", self._ids, why)
        for one in self._ids:
            backtests.fail(self._conn, one, self._worker, why)

    def finish(self, found: Sequence[Run]) -> None:
        """Keep what came of them."""
        for one, run in zip(self._ids, found, strict=True):
            with self._conn.transaction():
                if not backtests.finish(self._conn, one, self._worker, run.to_document(), run.episodes):
                    _log.warning("backtest %d is no longer ours; what it found is not kept", one)
