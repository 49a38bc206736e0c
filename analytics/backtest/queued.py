"""The bench's child that does one backtest that was asked for."""

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


def run(
    settings: Settings,
    city: City,
    worker: str,
    workers: int,
    scheduler: str | None,
    stop: threading.Event,
) -> None:
    """Do the oldest run that waits, if there is one.

    A run that cannot be done is kept as failed; one that ``stop`` interrupts waits again.
    """
    if settings.database_url is None:
        raise EngineError("the bench has no database", cure="set DATABASE_URL")
    end_with_parent(stop)
    with connect(settings.database_url, name=worker) as conn:
        run = backtests.begin_next(conn, worker)
    if run is None:
        return
    _log.info("backtest %d of %s", run.backtest_run_id, run.author)

    def watch(_: Progress) -> None:
        if stop.is_set():
            raise SystemExit(0)

    try:
        carry_out(
            settings.database_url, [run], city, worker, workers=workers, scheduler=scheduler, progress=watch
        )
    except Cancelled:
        _log.info("backtest %d was stopped", run.backtest_run_id)
    except SystemExit:
        with connect(settings.database_url, name=worker) as conn:
            backtests.give_back(conn, run.backtest_run_id, worker)
    except CityOpsError as error:
        _log.warning("backtest %d: %s", run.backtest_run_id, error.message)
