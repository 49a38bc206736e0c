"""What people see in the terminal."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from launch.engines.debian_root import STEPS
from launch.engines.debootstrap import Report
from telemetry.errors import CityOpsError

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)


def show_error(error: CityOpsError) -> None:
    """One panel: what is wrong, and what can be done."""
    body = escape(error.message)
    if error.cure:
        body += f"\n\n[bold]What to do:[/bold] {escape(error.cure)}"
    err.print(Panel(body, title="CityOps cannot go on", border_style="red", title_align="left"))


def as_city_error(error: OSError | psycopg.Error) -> CityOpsError:
    """An operating system's or database's error in words, with a cure where there is one."""
    if isinstance(error, psycopg.errors.DiskFull) or getattr(error, "errno", None) == 28:
        return CityOpsError(
            "the disk is full", cure="free some space, then start again: what was stored is kept"
        )
    if isinstance(error, PermissionError):
        return CityOpsError(
            f"no right to use {error.filename}",
            cure="run as the user who owns it, or choose another --data-dir",
        )
    if isinstance(error, psycopg.OperationalError):
        return CityOpsError(
            f"the database does not answer: {_first_line(error)}", cure="see `cityops status`"
        )
    return CityOpsError(_first_line(error))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def say(text: str) -> None:
    """One plain line."""
    out.print(escape(text), soft_wrap=True)


@contextmanager
def engine_progress() -> Generator[Report]:
    """A report that draws a bar once there is something to wait for."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=out, transient=True)
    tasks: list[TaskID] = []

    def report(step: str) -> None:
        if not tasks:
            say("Making the private Debian with TimescaleDB and mosquitto (once, about a minute)")
            tasks.append(progress.add_task("", total=STEPS))
            progress.start()
        progress.update(tasks[0], advance=1, description=escape(step[:48].ljust(48)))

    try:
        yield report
    finally:
        if tasks:
            progress.stop()
