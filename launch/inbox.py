"""``cityops device waiting|adopt|clocks``: devices that are not registered, and how far clocks are off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import psycopg
import typer
from rich.markup import escape
from rich.table import Column, Table

from launch.config import load_city
from launch.console import out, say
from launch.quarantine import ACTOR, AsJson
from launch.replays import database, follow
from telemetry.errors import NotFoundError
from telemetry.metrics import Domain
from telemetry.settings import Settings

if TYPE_CHECKING:
    from telemetry.adoption import Guess


def register(app: typer.Typer) -> None:
    """Add the commands to ``cityops device``."""
    app.command()(waiting)
    app.command()(adopt)
    app.command()(clocks)


def waiting(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the devices that publish without being registered, with what they seem to be."""
    from store.inbox import list_waiting

    with database(context) as conn:
        found = list_waiting(conn)
        guesses = _guesses(conn, [item.name for item in found], context.obj, each=10)
    if as_json:
        _print_json([_facts(item, guesses[item.name]) for item in found])
        return
    # A name that is cut off cannot be adopted.
    device, metrics = Column("Device", overflow="fold"), Column("Metrics", overflow="fold")
    table = Table(device, "Since", "Last", "Messages", "Domain", metrics)
    for item in found:
        guessed = guesses[item.name]
        since, last = (f"{at.astimezone():%Y-%m-%d %H:%M:%S}" for at in (item.first_at, item.last_at))
        domain, measured = str(guessed.domain or "?"), escape(" ".join(guessed.metrics))
        table.add_row(escape(item.name), since, last, str(item.messages), domain, measured)
    out.print(table)
    say(f"{len(found)} devices wait; `cityops device adopt NAME` registers one")


def adopt(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="As the device calls itself: see `cityops device waiting`.")],
    kind: Annotated[str | None, typer.Option(help="That of the devices most like it if not given.")] = None,
    name_vi: Annotated[str | None, typer.Option(help="Its name in Vietnamese.")] = None,
    name_en: Annotated[str | None, typer.Option(help="Its name in English.")] = None,
    lat: Annotated[float | None, typer.Option(help="Latitude; the city's centre if not given.")] = None,
    lon: Annotated[float | None, typer.Option(help="Longitude.")] = None,
    zone: Annotated[str | None, typer.Option(help="Its zone's code; the nearest if not given.")] = None,
    interval: Annotated[float | None, typer.Option(help="Seconds between its messages.")] = None,
    domain: Annotated[Domain | None, typer.Option(help="As its topic or its metrics say.")] = None,
    metrics: Annotated[str | None, typer.Option(help="Separated by commas; those it sends.")] = None,
    as_json: AsJson = False,
) -> None:
    """Register a device that waits in the inbox, and replay what it sent. All but NAME can be guessed."""
    from store.inbox import find_waiting
    from store.mending import adopt as adopt_device
    from telemetry.adoption import SAMPLES, Wish, make_device

    settings = context.obj
    assert isinstance(settings, Settings)
    listed = None if metrics is None else tuple(filter(None, metrics.replace(",", " ").split()))
    wish = Wish(domain, kind, name_vi, name_en, lat, lon, zone, interval, listed)
    with database(context) as conn:
        if find_waiting(conn, name) is None:
            raise NotFoundError("device in the inbox", name)
        guessed = _guesses(conn, [name], settings, each=SAMPLES)[name]
        device = make_device(name, guessed, wish, load_city(settings))
        adopted = adopt_device(conn, ACTOR, device)
    if not as_json:
        said = f"{device.domain}, {device.kind}, every {device.interval_s:g} s: {', '.join(device.metrics)}"
        say(f"Registered {device.device_id} ({said})")
        if "position" in device.tags:
            say("It stands at the city's centre, for no --lat and --lon were given")
        if guessed.left_out:
            say(f"Left out: {', '.join(guessed.left_out)}")
        say(f"For credentials of its own: cityops device rotate {device.device_id}")
    follow(context, adopted.replay_request_id, adopted.waiting, as_json=as_json)


def clocks(
    context: typer.Context,
    off_by: Annotated[
        float, typer.Option(min=0, help="Those that are off by so many seconds or more.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Show how far the devices' clocks are off; positive is ahead of ours."""
    from store.clocks import list_clocks

    settings = context.obj
    assert isinstance(settings, Settings)
    with database(context) as conn:
        found = sorted(list_clocks(conn, off_by), key=lambda clock: -abs(clock.offset_s))
    if as_json:
        _print_json(found)
        return
    table = Table(Column("Device", overflow="fold"), "Off by, s", "Spread, s", "Readings", "Last", "")
    for clock in found:
        off = clock.is_off(settings.ingest.clock_tolerance_s)
        numbers = (f"{clock.offset_s:+.3f}", f"{clock.spread_s:.3f}", str(clock.n_readings))
        seen = f"{clock.seen_at.astimezone():%Y-%m-%d %H:%M:%S}"
        table.add_row(escape(clock.device_id), *numbers, seen, "! wrong" if off else "")
    out.print(table)


def _guesses(conn: psycopg.Connection, names: list[str], settings: Settings, each: int) -> dict[str, Guess]:
    from store.devices import list_devices
    from store.inbox import sample_messages
    from telemetry.adoption import guess
    from telemetry.formats import Formats

    peers = list_devices(conn)
    heard = sample_messages(conn, names, each)
    return {name: guess(name, heard[name], Formats(settings.ingest.formats), peers) for name in names}


def _facts(item: Any, guessed: Guess) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.to_builtins(item)
    return facts | {"guess": msgspec.to_builtins(guessed)}


def _print_json(document: Any) -> None:
    typer.echo(msgspec.json.encode(document).decode())
