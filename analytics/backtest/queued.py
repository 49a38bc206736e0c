"""The bench's child that does one backtest that was asked for, or all runs of a sweep at once."""

from __future__ import annotations

import logging
import threading

from analytics.backtest.bench import Progress
from analytics.backtest.play import Cancelled
from analytics.backtest.record import carry_out
from analytics.backtest.worker import end_with_parent
from store import backtests
from store.pool import connect
from telemetry.city import City
from telemetry.errors import CityOpsError, EngineError
from telemetry.settings import Settings

_log = logging.getLogger(__name__)

_MOST_AT_ONCE = 32
"""Runs of a sweep that are played together: if the process dies, all of them are begun again."""


def run(
    settings: Settings,
    city: City,
    worker: str,
    workers: int,
    scheduler: str | None,
    stop: threading.Event,
) -> None:
    """Do the oldest run that waits, if there is one.

    Of a sweep all are under way at once where there are several processes; whoever stops one
    of them then stops them all.
    A run that cannot be done is kept as failed; one that ``stop`` interrupts waits again.
    """
    if settings.database_url is None:
        raise EngineError("the bench has no database", cure="set DATABASE_URL")
    end_with_parent(stop)
    with connect(settings.database_url, name=worker) as conn:
        spread = workers > 1 or scheduler is not None
        runs = backtests.begin_next(conn, worker, most=_MOST_AT_ONCE if spread else 1)
    if not runs:
        return
    name = ", ".join(str(run.backtest_run_id) for run in runs)
    _log.info("backtest %s of %s", name, runs[0].author)

    def watch(_: Progress) -> None:
        if stop.is_set():
            raise SystemExit(0)

    try:
        carry_out(
            settings.database_url, runs, city, worker, workers=workers, scheduler=scheduler, progress=watch
        )
    except Cancelled:
        _log.info("backtest %s was stopped", name)
    except SystemExit:
        with connect(settings.database_url, name=worker) as conn:
            for run in runs:
                backtests.give_back(conn, run.backtest_run_id, worker)
    except CityOpsError as error:
        _log.warning("backtest %s: %s", name, error.message)
