"""``cityops shadow``: a candidate configuration beside the live one, without alerting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from launch.backtests import ACTOR, AsJson, print_side_by_side
from launch.console import out, say
from launch.replays import database
from telemetry.detection import decode_configuration
from telemetry.errors import ConfigError, NotFoundError

app = typer.Typer(help="Run a candidate configuration beside the live one.", no_args_is_help=True)


@app.command()
def start(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="Why, in a sentence.")],
    config: Annotated[Path | None, typer.Option(help="A TOML file of detectors.")] = None,
    version: Annotated[int | None, typer.Option(min=1, help="A version of the detectors.")] = None,
) -> None:
    """Let a configuration score what is committed from now on; it alerts nobody."""
    from store import detection, shadows

    if (config is None) == (version is None):
        raise ConfigError("one configuration runs as a shadow", cure="give --config or --version")
    with database(context) as conn:
        if config is not None:
            configuration = decode_configuration(config.read_bytes())
        else:
            configuration = detection.get_version(conn, version or 0).configuration()
        document = configuration.to_document()
        shadow = shadows.start(conn, document, detection.digest_of(document), ACTOR, reason, version)
    say(f"Shadow {shadow.shadow_id} runs as soon as the bench process sees it")


@app.command()
def stop(context: typer.Context) -> None:
    """End the shadow that runs; what it found is kept."""
    from store import shadows

    with database(context) as conn:
        running = shadows.running(conn)
        if running is None:
            raise NotFoundError("shadow", "that runs")
        shadows.stop(conn, running.shadow_id, ACTOR)
    say(f"Shadow {running.shadow_id} is stopped")


@app.command(name="list")
def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the shadows there were, newest first."""
    from store import shadows

    with database(context) as conn:
        found = shadows.list_shadows(conn)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table("ID", "Version", "By", "Reason", "From", "To")
    for one in found:
        until = f"{one.stopped_at.astimezone():%Y-%m-%d %H:%M}" if one.stopped_at else "runs"
        began = f"{one.started_at.astimezone():%Y-%m-%d %H:%M}"
        version = str(one.version or "")
        table.add_row(str(one.shadow_id), version, escape(one.author), escape(one.reason), began, until)
    out.print(table)


@app.command()
def show(
    context: typer.Context,
    shadow_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="The last one if not given.")
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0.01, help="The last days of it; all of it if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a shadow with what ran live at the same time."""
    from store import shadows
    from store.comparing import compare_shadow

    with database(context) as conn:
        latest = shadows.list_shadows(conn, 1)
        if shadow_id is None and not latest:
            raise NotFoundError("shadow", "yet")
        shadow = shadows.get(conn, shadow_id or latest[0].shadow_id)
        end = shadow.stopped_at or datetime.now(UTC)
        start = shadow.started_at if days is None else max(shadow.started_at, end - timedelta(days=days))
        found = compare_shadow(conn, shadow.shadow_id, start, end)
        grades = _grades(context, conn, shadow.configuration, shadow.shadow_id, start, end)
    if as_json:
        document = {"shadow": msgspec.to_builtins(shadow), "comparison": msgspec.to_builtins(found)}
        typer.echo(msgspec.json.encode({**document, "grades": grades}).decode())
        return
    print_side_by_side(found, "Live", f"Shadow {shadow.shadow_id}", grades)


def _grades(
    context: typer.Context,
    conn: Any,
    document: dict[str, Any],
    shadow_id: int,
    start: datetime,
    end: datetime,
) -> dict[str, dict[str, Any]]:
    """Both held against the labels of the time; empty where there are none."""
    from analytics.backtest.beside import grade_beside
    from launch.config import load_city

    city = load_city(context.obj)
    return grade_beside(conn, city, document, shadow_id, start, end)
