"""The bench's processes: one that waits for requests, and the two it starts."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from launch.addresses import with_addresses
from launch.signals import stop_on_signals
from telemetry.settings import Settings

Workers = Annotated[int, typer.Option(min=1, help="Processes for one backtest.")]
Scheduler = Annotated[str | None, typer.Option(help="A Dask cluster, tcp://HOST:PORT.")]
Name = Annotated[str, typer.Argument(help="What the process is called.")]


def bench(context: typer.Context, workers: Workers = 1, scheduler: Scheduler = None) -> None:
    """Do the backtests that were asked for, one after another, and run the shadow if there is one."""
    from analytics.backtest.worker import run
    from launch.config import load_city

    settings = _settings(context)
    ours = [sys.executable, "-m", "launch"]
    cluster = [] if scheduler is None else ["--scheduler", scheduler]
    with stop_on_signals() as stop:
        run(
            settings,
            load_city(settings),
            [*ours, "bench-backtest", "--workers", str(workers), *cluster],
            [*ours, "bench-shadow"],
            stop,
        )


def bench_backtest(
    context: typer.Context, name: Name, workers: Workers = 1, scheduler: Scheduler = None
) -> None:
    """Do one backtest that was asked for."""
    from analytics.backtest.queued import run
    from launch.config import load_city

    settings = _settings(context)
    with stop_on_signals() as stop:
        run(settings, load_city(settings), name, workers, scheduler, stop)


def bench_shadow(context: typer.Context, name: Name) -> None:  # noqa: ARG001  (for the list of processes)
    """Run the shadow."""
    from analytics.backtest.worker import end_with_parent
    from analytics.shadow import run
    from launch.config import load_city

    settings = _settings(context)
    with stop_on_signals() as stop:
        end_with_parent(stop)
        run(settings, load_city(settings), stop)


def register(app: typer.Typer) -> None:
    """Add the commands; the children's are not for people."""
    app.command()(bench)
    app.command(name="bench-backtest", hidden=True)(bench_backtest)
    app.command(name="bench-shadow", hidden=True)(bench_shadow)


def _settings(context: typer.Context) -> Settings:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    settings = context.obj
    assert isinstance(settings, Settings)
    return with_addresses(settings, broker=False)
