"""``cityops backtest``: a configuration over history, once or for every value of some parameters."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from launch.console import err, out, say
from launch.replays import database
from telemetry.city import City
from telemetry.detection import Configuration, decode_configuration
from telemetry.detection.trials import TrialOptions, axis_of, points_of, selector_of
from telemetry.errors import CityOpsError, ConfigError

if TYPE_CHECKING:
    from analytics.backtest import Progress as Done
    from analytics.backtest import Run
    from analytics.backtest.plan import Plan
    from store.backtests import BacktestRun
    from store.comparing import SideBySide
    from telemetry.detection.episodes import Episode

ACTOR = "command line"
_DAYS = 7.0
_SHOWN = 20
_FIGURES = {
    "episodes": "Episodes",
    "alarms": "Alarms",
    "false_per_stream_day": "False/stream-day",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "delay_median_s": "Delay s",
}

app = typer.Typer(help="Try a configuration on history.", invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
RunId = Annotated[int, typer.Argument(metavar="ID", min=1, help="As `backtest list` shows it.")]


@app.callback()
def backtest(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="A TOML file of detectors.")] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="A version; the one in force if not given.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Date or time, of the city where it has no zone.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="The same; the last reading if not given.")] = None,
    days: Annotated[float, typer.Option(min=0.01, help="How long before the end to begin.")] = _DAYS,
    select: Annotated[
        list[str] | None, typer.Option(help='Streams, as "domain=drainage zone=760,774"; may be given again.')
    ] = None,
    sweep: Annotated[
        list[str] | None, typer.Option(help="DETECTOR.params.KEY=VALUE,VALUE…; may be given again.")
    ] = None,
    sort: Annotated[str, typer.Option(help="The metric a sweep is sorted by.")] = "f1",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one for each processor if not given.")
    ] = None,
    scheduler: Annotated[str | None, typer.Option(help="A Dask cluster, tcp://HOST:PORT.")] = None,
    cadence_s: Annotated[
        float, typer.Option(min=0, help="Readings arrive in such steps; 0: as the fastest sends.")
    ] = 0.0,
    train_days: Annotated[float, typer.Option(min=0.01, help="How much history is learnt from.")] = 7.0,
    refit_h: Annotated[float, typer.Option(min=0.1, help="Hours between two fits; live it is 1.")] = 72.0,
    seed: Annotated[int, typer.Option(help="Of the random baseline.")] = 0,
    name: Annotated[str, typer.Option(help="What to call it in the list.")] = "",
    reason: Annotated[str, typer.Option(help="Why; kept with the run.")] = "",
    as_json: AsJson = False,
) -> None:
    """Run a configuration over history, through the engine that runs live, and keep what it found.

    The week before --from is learnt from. Ctrl-C stops it.
    """
    if context.invoked_subcommand is not None:
        return
    options = TrialOptions(
        tuple(selector_of(one) for one in select or ()), cadence_s, train_days, refit_h, seed
    )
    chosen = _Choice(config, version, start, end, days, options, [axis_of(one) for one in sweep or ()])
    runs = _carry_out(context, chosen, (workers, scheduler), (name, reason), quiet=as_json)
    if as_json:
        typer.echo(msgspec.json.encode([run.to_document() for _, run in runs]).decode())
    elif len(runs) == 1:
        _print_run(*runs[0])
    else:
        _print_sweep(runs, sort)


@app.command(name="list")
def list_all(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the runs that are kept, newest first."""
    from store.backtests import list_runs

    with database(context) as conn:
        runs = list_runs(conn, limit)
    if as_json:
        typer.echo(msgspec.json.encode(runs).decode())
        return
    table = Table(
        "ID", "Asked", "By", Column("Name", overflow="fold"), "From", "Days", "State", *_FIGURES.values()
    )
    for run in runs:
        metrics = (run.result or {}).get("metrics", {})
        table.add_row(
            str(run.backtest_run_id),
            f"{run.requested_at.astimezone():%Y-%m-%d %H:%M}",
            escape(run.author),
            escape(run.name or _point(run.point) or run.digest[:12]),
            f"{run.starts_at.astimezone():%Y-%m-%d}",
            f"{(run.ends_at - run.starts_at) / timedelta(days=1):.1f}",
            f"{run.progress:.0%}" if run.status == "running" else run.status,
            *(_cell(metrics.get(key)) for key in _FIGURES),
        )
    out.print(table)


@app.command()
def show(context: typer.Context, run_id: RunId, as_json: AsJson = False) -> None:
    """Show a run: its metrics by kind beside the baselines, and how long it took."""
    from store.backtests import get_run

    with database(context) as conn:
        run = get_run(conn, run_id)
    if as_json:
        typer.echo(msgspec.json.encode(run).decode())
        return
    say(f"Backtest {run.backtest_run_id} {run.name} by {run.author}: {run.status} {run.error}".strip())
    if run.result is not None:
        _print_result(run.result)


@app.command()
def compare(context: typer.Context, first: RunId, second: RunId, as_json: AsJson = False) -> None:
    """Show two runs side by side, and what only one of them found."""
    from store.comparing import compare_runs

    with database(context) as conn:
        found = compare_runs(conn, first, second)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    print_side_by_side(found, f"Run {first}", f"Run {second}")


@app.command()
def cancel(context: typer.Context, run_id: RunId) -> None:
    """Stop a run that waits or is under way."""
    from store import backtests

    with database(context) as conn:
        run = backtests.cancel(conn, run_id, ACTOR)
    say(f"Backtest {run_id}: {'cancelled' if run.status == 'cancelled' else 'it is told to stop'}")


class _Choice(msgspec.Struct, frozen=True):
    """What was asked for on the command line."""

    config: Path | None
    version: int | None
    start: str | None
    end: str | None
    days: float
    options: TrialOptions
    grid: list[tuple[str, list[Any]]]


def _carry_out(
    context: typer.Context,
    chosen: _Choice,
    where: tuple[int | None, str | None],
    words: tuple[str, str],
    *,
    quiet: bool,
) -> list[tuple[BacktestRun, Run]]:
    from analytics.backtest.bench import plan_at
    from analytics.backtest.play import Cancelled
    from analytics.backtest.record import carry_out, request_of
    from launch.addresses import with_addresses
    from launch.config import load_city
    from store import backtests

    settings = with_addresses(context.obj, broker=False)
    city, worker = load_city(settings), f"{ACTOR} {socket.gethostname()} {os.getpid()}"
    with database(context) as conn:
        plan, version = _plan(conn, chosen, city)
        points = points_of(dict(chosen.grid))
        requests = [
            request_of(
                plan_at(plan, point), ACTOR, name=words[0], reason=words[1], version=version, point=point
            )
            for point in points
        ]
        asked = backtests.request_runs(conn, requests)
        runs = [backtests.begin(conn, run.backtest_run_id, worker) for run in asked]
    with _bar(quiet=quiet) as watch:
        try:
            found = carry_out(
                settings.database_url or "",
                runs,
                city,
                worker,
                workers=where[0],
                scheduler=where[1],
                progress=watch,
            )
        except Cancelled as error:
            raise CityOpsError("the backtest was cancelled", cure="ask for it anew") from error
    return list(zip(runs, found, strict=True))


def _plan(conn: Any, chosen: _Choice, city: City) -> tuple[Plan, int | None]:
    from analytics.backtest.plan import Plan
    from store.readings import extent

    held = extent(conn)
    if held is None:
        raise ConfigError("there are no readings to try it on", cure="start the city, or import history")
    configuration, version = _configuration(conn, chosen, city)
    zone = ZoneInfo(city.timezone)
    end = _moment(chosen.end, zone) if chosen.end else held[1] + timedelta(microseconds=1)
    start = _moment(chosen.start, zone) if chosen.start else end - timedelta(days=chosen.days)
    if start >= held[1] or end <= held[0]:
        raise ConfigError(
            f"there are no readings between {start.astimezone():%F %R} and {end.astimezone():%F %R}",
            cure=f"there are some from {held[0].astimezone():%F %R} to {held[1].astimezone():%F %R}",
        )
    return Plan(configuration, start, end, chosen.options), version


def _configuration(conn: Any, chosen: _Choice, city: City) -> tuple[Configuration, int | None]:
    """The configuration to try, and the version it is, where it is one."""
    from store import detection

    if chosen.config is not None:
        if chosen.version is not None:
            raise ConfigError("--config and --version name two configurations", cure="give one of them")
        configuration = decode_configuration(chosen.config.read_bytes())
        configuration.check([zone.code for zone in city.zones])
        return configuration, None
    version = chosen.version or detection.active_version(conn)
    if version is None:
        return city.detection, None
    return detection.get_version(conn, version).configuration(), version


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """A time; without a zone it is the city's."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"{text!r} is no date or time",
            cure="write 2026-05-01, 2026-05-01T08:00 or 2026-05-01T01:00+00:00",
        ) from error
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


@contextmanager
def _bar(*, quiet: bool) -> Generator[Any]:
    columns = (
        TextColumn("Backtest"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[readings]:,} readings, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=quiet) as progress:
        task = progress.add_task("", total=1.0, readings=0, rate=0.0)

        def watch(done: Done) -> None:
            elapsed_s = progress.tasks[0].elapsed or 0.0
            rate = done.readings / elapsed_s if elapsed_s else 0.0
            progress.update(task, completed=done.share, readings=done.readings, rate=rate)

        yield watch


def print_side_by_side(
    found: SideBySide, first: str, second: str, grades: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Two configurations' figures, and what only one of them found.

    ``grades`` are further figures of both, in their order.
    """
    table = Table("Metric", first, second, "Difference")
    for row in found.metrics:
        table.add_row(row.name, _cell(row.first), _cell(row.second), _cell(row.difference))
    for name in {name: None for side in (grades or {}).values() for name in side}:
        table.add_row(name, *(_cell(side.get(name)) for side in (grades or {}).values()))
    out.print(table)
    say(
        f"Found by both: {found.both}; by {first} alone: {found.n_only_first};"
        f" by {second} alone: {found.n_only_second}"
    )
    for title, episodes in ((f"{first} alone", found.only_first), (f"{second} alone", found.only_second)):
        if episodes:
            _print_episodes(title, episodes)


def _print_episodes(title: str, episodes: Sequence[Episode]) -> None:
    table = Table("From", "Rule", "Stream", "Severity", "Score", title=title, title_justify="left")
    for one in episodes[:_SHOWN]:
        at = f"{one.started_at.astimezone():%Y-%m-%d %H:%M}"
        table.add_row(at, escape(one.rule), str(one.stream_id), str(one.severity), _cell(one.score))
    out.print(table)


def _print_run(kept: BacktestRun, run: Run) -> None:
    say(f"Backtest {kept.backtest_run_id}: {run.scored:,} readings of {run.streams:,} streams")
    _print_result(run.to_document())


def _print_result(result: dict[str, Any]) -> None:
    report, metrics = result.get("report"), result["metrics"]
    if report is None:
        say(f"{metrics['episodes']:,} episodes; there are no labels to hold them against")
    else:
        kinds = Table("Kind", "Labels", "Found", "Recall", "As such", "Delay s", "90 % within s")
        for row in report["rows"]:
            names = ("labels", "found", "recall", "as_such", "delay_median_s", "delay_p90_s")
            kinds.add_row(escape(row["kind"]), *(_cell(row[name]) for name in names))
        out.print(kinds)
        names = (
            "alarms",
            "false_alarms",
            "precision",
            "recall",
            "f1",
            "false_per_stream_day",
            "alerts_per_shift",
        )
        table = Table("", *(name.replace("_", " ") for name in names))
        for title, row in {"this configuration": report["summary"], **report["baselines"]}.items():
            table.add_row(escape(title), *(_cell(row[name]) for name in names))
        out.print(table)
        if report.get("scores"):
            from analytics.evaluation.tables import scored

            out.print(scored(report["scores"]))
    counts = Table("Detector and rule", "Episodes")
    for rule, n in result["counts"].items():
        counts.add_row(escape(rule), f"{n:,}")
    out.print(counts)
    say("  ".join(f"{what} {seconds:,.1f}" for what, seconds in result["took_s"].items()))


def _print_sweep(runs: Sequence[tuple[BacktestRun, Run]], metric: str) -> None:
    from analytics.backtest import Sweep

    ids = {id(run): kept.backtest_run_id for kept, run in runs}
    names = list(runs[0][1].point)
    table = Table("ID", *(escape(name) for name in names), *_FIGURES.values())
    for run in Sweep(tuple(run for _, run in runs)).sorted_by(metric):
        metrics = run.metrics()
        point = (_cell(run.point[name]) for name in names)
        table.add_row(str(ids[id(run)]), *point, *(_cell(metrics.get(key)) for key in _FIGURES))
    out.print(table)


def _point(point: dict[str, Any]) -> str:
    return " ".join(f"{path}={value}" for path, value in point.items())


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,.4g}" if isinstance(value, float) else escape(str(value))
