"""``cityops detectors``: which detectors run, with which parameters, since when and why."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import psycopg
import typer
from rich.markup import escape
from rich.table import Column, Table

from launch.console import out, say
from launch.detector_kinds import kinds
from launch.replays import database
from telemetry.detection import Configuration, DetectorSpec, decode_configuration
from telemetry.detection.changes import Change, changes
from telemetry.detection.inspection import Doubt, examine, watched
from telemetry.detection.text import to_toml
from telemetry.devices import Device
from telemetry.errors import ConfigError, EngineError, NotFoundError
from telemetry.metrics import Domain
from telemetry.settings import Settings

if TYPE_CHECKING:
    from store.detection import Version

ACTOR = "command line"
_MOST_BYTES = 1_000_000

app = typer.Typer(
    help="The detectors that run, and the versions of their configuration.", no_args_is_help=True
)
app.command()(kinds)

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
File = Annotated[Path, typer.Argument(help="TOML with [[detector]] tables; - reads standard input.")]
Reason = Annotated[str, typer.Option(help="Why, in a sentence; it is kept with the version.")]
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="As `detectors list` shows it.")]
MaybeNumber = Annotated[
    int | None, typer.Argument(metavar="[N]", min=1, help="A version; the one in force if not given.")
]


@app.command()
def show(context: typer.Context, version: MaybeNumber = None, as_json: AsJson = False) -> None:
    """Show a version: every detector, what it watches, its parameters."""
    from store.devices import list_devices

    with database(context) as conn:
        found, devices = _version(conn, version), list_devices(conn)
    configuration = found.configuration()
    if as_json:
        _print_json(found)
        return
    table = Table(
        "Detector", "Kind", Column("Watches", overflow="fold"), Column("Parameters", overflow="fold")
    )
    for spec in configuration.detector:
        name = escape(spec.name) if spec.enabled else f"[dim]{escape(spec.name)} (off)[/dim]"
        table.add_row(name, escape(spec.kind), _watches(spec, devices), _parameters(spec))
    out.print(table)
    say(f"Version {found.version}, by {found.author}: {found.reason}")


@app.command(name="list")
def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """Show every version, who made it and why, and which one is in force."""
    from store import detection
    from store.services import list_services

    with database(context) as conn:
        versions, active = detection.list_versions(conn), detection.active_version(conn)
        former = set(detection.former_versions(conn))
        running = [service.detail for service in list_services(conn) if service.name.startswith("analytics")]
    if as_json:
        _print_json([msgspec.to_builtins(one) | {"in_force": one.version == active} for one in versions])
        return
    table = Table("Version", "Made", "By", Column("Reason", overflow="fold"), "From", "State")
    for one in versions:
        offered = "" if one.version in former else "offered"
        state = "[bold]in force[/bold]" if one.version == active else offered
        made, origin = f"{one.created_at.astimezone():%Y-%m-%d %H:%M}", str(one.based_on or "")
        table.add_row(str(one.version), made, escape(one.author), escape(one.reason), origin, state)
    out.print(table)
    for line in _remarks(versions, active, former, running):
        say(line)


@app.command()
def validate(context: typer.Context, file: File) -> None:
    """Check a file against the city without applying it; errors name the key."""
    configuration = _read(file)
    doubts = examine(configuration, _zones(context), _devices(context))
    _say_doubts(doubts)
    say(f"{len(configuration.detector)} detectors, nothing wrong with them")


@app.command()
def apply(
    context: typer.Context,
    file: File,
    reason: Reason,
    based_on: Annotated[
        int | None, typer.Option(min=1, help="Refuse where another version than this is in force by now.")
    ] = None,
) -> None:
    """Check a file, keep it as a new version and put it in force; nothing is restarted."""
    from store import detection
    from store.devices import list_devices

    configuration = _read(file)
    zones = _zones(context)
    with database(context) as conn:
        doubts = examine(configuration, zones, list_devices(conn))
        before = _in_force(conn)
        made = detection.apply(conn, configuration, ACTOR, reason, based_on=based_on)
    _say_doubts(doubts)
    for change in changes(before, configuration):
        say(line_of(change))
    say(f"Version {made.version} is in force; analytics takes it up between two batches")


@app.command()
def rollback(context: typer.Context, version: Number, reason: Reason) -> None:
    """Put a version that is written down in force again."""
    from store import detection

    with database(context) as conn:
        detection.activate(conn, version, ACTOR, reason)
    say(f"Version {version} is in force; analytics takes it up between two batches")


@app.command()
def activate(context: typer.Context, version: Number, reason: Reason) -> None:
    """Put a version in force that the city's profile offers; the same as `rollback`."""
    rollback(context, version, reason)


@app.command()
def diff(context: typer.Context, before: Number, after: Number, as_json: AsJson = False) -> None:
    """Show what differs between two versions, key by key."""
    with database(context) as conn:
        one, other = _version(conn, before), _version(conn, after)
    found = changes(one.configuration(), other.configuration())
    if as_json:
        _print_json(found)
        return
    for change in found:
        say(line_of(change))
    if not found:
        say(f"Versions {before} and {after} say the same")


@app.command()
def streams(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A detector's name in the version in force.")],
    as_json: AsJson = False,
) -> None:
    """List the streams that the version in force gives to a detector."""
    from store.devices import list_devices

    with database(context) as conn:
        configuration, devices = _version(conn, None).configuration(), list_devices(conn)
    spec = next((spec for spec in configuration.detector if spec.name == name), None)
    if spec is None:
        raise NotFoundError("detector", name)
    pairs = watched(spec, devices)
    if as_json:
        _print_json([{"device_id": device.device_id, "metric": metric} for device, metric in pairs])
        return
    table = Table("Device", "Domain", "Kind", "Zone", "Metric")
    for device, metric in pairs:
        table.add_row(*map(escape, (device.device_id, str(device.domain), device.kind, device.zone, metric)))
    out.print(table)
    say(f"{len(pairs)} streams; of these {spec.kind} scores those it can speak of")


@app.command()
def export(context: typer.Context, version: MaybeNumber = None) -> None:
    """Print a version as TOML, to be changed and applied."""
    with database(context) as conn:
        found = _version(conn, version)
    print(to_toml(found.configuration()), end="")


def line_of(change: Change) -> str:
    """A change in a line."""
    if change.key:
        before, after = ("none" if value is None else _json(value) for value in (change.before, change.after))
        return f"{change.detector}: {change.key}: {before} → {after}"
    whole = change.before if change.after is None else change.after
    return f"{change.detector}: {'removed' if change.after is None else 'added'}: {_json(whole)}"


def _remarks(versions: list[Version], active: int | None, former: set[int], running: list[Any]) -> list[str]:
    """What the reader should know besides: an offer, and what analytics says of itself."""
    from store.detection import PROFILE

    said: list[str] = []
    offers = [one for one in versions if one.version not in former and one.author.startswith(PROFILE)]
    if offers and active is not None:
        number = offers[0].version
        said.append(
            f"The city's profile offers version {number}: see `cityops detectors diff {active} {number}`"
        )
        said.append(f'It comes into force with `cityops detectors activate {number} --reason "…"`')
    for detail in running:
        if fault := detail.get("configuration_fault"):
            said.append(f"Analytics runs version {detail.get('configuration')}: {fault}")
        elif (number := detail.get("configuration")) is not None and number != active:
            said.append(f"Analytics still runs version {number}")
    return said


def _version(conn: psycopg.Connection, number: int | None) -> Version:
    from store import detection

    chosen = number if number is not None else detection.active_version(conn)
    if chosen is None:
        raise ConfigError(
            "no version of the detectors is in force yet", cure="run `cityops migrate`, or `cityops up`"
        )
    return detection.get_version(conn, chosen)


def _in_force(conn: psycopg.Connection) -> Configuration:
    """What is in force, as far as it can be read."""
    try:
        return _version(conn, None).configuration()
    except ConfigError:
        return Configuration()


def _read(file: Path) -> Configuration:
    try:
        content = sys.stdin.buffer.read(_MOST_BYTES + 1) if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", cure="name a file that can be read") from error
    if len(content) > _MOST_BYTES:
        raise ConfigError(f"{file}: larger than {_MOST_BYTES} bytes", cure="name the right file")
    return decode_configuration(content)


def _zones(context: typer.Context) -> list[str]:
    from launch.config import load_city

    assert isinstance(context.obj, Settings)
    return [zone.code for zone in load_city(context.obj).zones]


def _devices(context: typer.Context) -> list[Device]:
    """Those that are registered; without a database, those of the city's profile."""
    from launch.config import load_city
    from store.devices import list_devices

    assert isinstance(context.obj, Settings)
    try:
        with database(context) as conn:
            return list_devices(conn)
    except (EngineError, ConfigError, psycopg.OperationalError):
        say("No database to ask: checked against the devices of the city's profile")
        return list(load_city(context.obj).devices)


def _say_doubts(doubts: list[Doubt]) -> None:
    for doubt in doubts:
        out.print(f"[yellow]Probably not meant:[/yellow] {escape(str(doubt))}", soft_wrap=True)


def _watches(spec: DetectorSpec, devices: list[Device]) -> str:
    pairs = watched(spec, devices)
    by_domain = Counter(str(device.domain) for device, _ in pairs)
    parts = [f"{domain} {by_domain[domain]}" for domain in map(str, Domain) if by_domain[domain]]
    whole = "everything: " if not spec.select else ""
    return whole + (", ".join(parts) or "nothing")


def _parameters(spec: DetectorSpec) -> str:
    given, whole = spec.params, msgspec.to_builtins(spec.parameters())
    parts = [
        f"{escape(key)}={escape(_json(value))}"
        if key in given
        else f"[dim]{escape(key)}={_json(value)}[/dim]"
        for key, value in whole.items()
    ]
    return "  ".join(parts)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _print_json(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
