"""`cityops demo` and `cityops up`: the story a stranger sees, from nothing to a live page."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from launch.backfill import DAYS, STEP_S, Written, write_history
from launch.config import load_city
from launch.console import out, say
from launch.labels import take_truth
from launch.machine import Machine
from launch.people import FIRST_NAME, first_administrator
from launch.schema import committed, history_gap, prepare_database
from launch.services import SIMULATORS, services_of
from launch.signals import StopRequest, stop_on_signals
from telemetry.city import City
from telemetry.settings import Settings

READY_TIMEOUT_S = 120.0
RATE_WINDOW_S = 2.0


def run_city(settings: Settings, *, simulate: bool) -> None:
    """Start everything and keep it running until Ctrl-C.

    Raises
    ------
    CityOpsError
        Where something that is needed cannot be had; all that was started has stopped then.
    """
    city = load_city(settings)
    with stop_on_signals() as stop:
        try:
            with Machine(settings, stop) as machine:
                with stop.interruptible():
                    _bring_up(machine, city, simulate=simulate)
                machine.supervisor.run(stop)
        except KeyboardInterrupt:
            say("Stopped before everything was up")
            return
    say("Everything has stopped. The data is kept in " + str(settings.data_path))


def _bring_up(machine: Machine, city: City, *, simulate: bool) -> None:
    began = time.monotonic()
    machine.claim_ports()
    machine.start_engines()
    applied = prepare_database(machine.database.url, city, machine.settings)
    database, broker = machine.describe_engines()
    say(f"Database: {database}")
    say(f"Broker: {broker}")
    if applied:
        say(f"Schema: {len(applied)} migrations applied")
    if simulate:
        _backfill(machine, city)
        _label(machine)
    services = [*services_of(machine.settings), *([SIMULATORS] if simulate else [])]
    start_count, started_at = committed(machine.database.url), time.monotonic()
    machine.start_services(services)
    with out.status("Starting the services"):
        machine.wait_until(
            lambda: _is_ready(machine.http_url), "the dashboard does not answer", timeout_s=READY_TIMEOUT_S
        )
    rate = _measure_rate(machine.stop, machine.database.url, start_count, started_at) if simulate else None
    # Only now: had the start been interrupted, no one would have seen the password.
    password = first_administrator(machine.database.url)
    out.print(_summary(machine, city, rate, time.monotonic() - began, password))


def _backfill(machine: Machine, city: City) -> Written | None:
    """Fill what is missing of the last days, with a bar while it lasts."""
    gap = history_gap(machine.database.url, datetime.now(UTC), DAYS)
    if gap is None:
        return None
    from device_sims import truth
    from device_sims.backfill import history, truths
    from device_sims.options import SimOptions

    start, end = gap
    truth.append(machine.folder / truth.FILE, truths(city, SimOptions(), start, end))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=out, transient=True) as bar:
        hours = (end - start) / timedelta(hours=1)
        task = bar.add_task(f"History, {hours:.0f} hours", total=hours, rate="")
        began = time.monotonic()

        def progress(moment: datetime, count: int) -> None:
            rate = f"{count / (time.monotonic() - began):,.0f} readings/s"
            bar.update(task, completed=(moment - start) / timedelta(hours=1), rate=rate)

        written = write_history(
            machine.database.url, history(city, SimOptions(), start, end, STEP_S), progress
        )
    say(
        f"History: {written.readings:,} readings over {hours:.0f} hours, in {written.elapsed_s:.1f} s "
        f"({written.per_second:,.0f}/s)"
    )
    return written


def _label(machine: Machine) -> None:
    """Take in what the simulator has written of what it did, now and in earlier runs."""
    from device_sims.truth import FILE
    from store.pool import connect

    if (machine.folder / FILE).is_file():
        with connect(machine.database.url, name="setup") as conn:
            added, _ = take_truth(conn, machine.folder / FILE)
        say(f"Labels: {added:,} of what the simulator did")


def _is_ready(http_url: str) -> bool:
    # A proxy of the environment is for the world outside, not for this machine.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{http_url}/readyz", timeout=2.0) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _measure_rate(stop: StopRequest, database_url: str, start_count: int, started_at: float) -> float:
    """Readings a second that are committed now, over a window that has seen some."""
    stop.wait(max(0.0, RATE_WINDOW_S - (time.monotonic() - started_at)))
    first, at = committed(database_url), time.monotonic()
    stop.wait(RATE_WINDOW_S)
    now = time.monotonic()
    last = committed(database_url)
    if last > first:
        return (last - first) / (now - at)
    return (last - start_count) / (now - started_at)


def _summary(
    machine: Machine, city: City, rate: float | None, elapsed_s: float, password: str | None
) -> Panel:
    """What runs, where, and how to stop it; at the first start also who may sign in."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows = [
        ("Open", f"[link={machine.http_url}]{machine.http_url}[/link]"),
        ("City", f"{escape(city.name_vi)}, {len(city.devices)} devices"),
        ("Database", escape(machine.described["database"])),
        ("Broker", escape(f"{machine.described['broker']}\n{machine.broker.address}")),
    ]
    if password is not None:
        shown = f"[bold]{FIRST_NAME}[/bold], password [bold]{escape(password)}[/bold] (shown this once)"
        rows.insert(1, ("Sign in", shown))
    else:
        rows.insert(1, ("Sign in", "as before; `cityops user reset NAME` gives a new password"))
    if rate is not None:
        rows.append(("Readings", f"{rate:,.0f} a second"))
    rows += [
        ("Data", escape(str(machine.folder))),
        ("More", "`cityops status` in another terminal; logs are in the data folder"),
        ("Stop", "Ctrl-C"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    return Panel(table, title=f"CityOps is up ({elapsed_s:.0f} s)", border_style="green", title_align="left")
