"""``cityops device``: devices and their accounts at the broker."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import psycopg
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from launch.addresses import with_addresses
from launch.console import out, say
from launch.engines.accounts import Account
from launch.engines.tls import with_trust
from telemetry.devices import Device
from telemetry.errors import ConfigError, ConflictError, NotFoundError
from telemetry.settings import Settings

if TYPE_CHECKING:
    from launch.credentials import Credentials, Provisioner

app = typer.Typer(help="Devices and their accounts at the broker.", no_args_is_help=True)

_SHOWN_FAULTS = 50

AsJson = Annotated[bool, typer.Option("--json", help="For programs; passwords are shown this once.")]
DeviceId = Annotated[str, typer.Argument(help="The device's id.")]


@app.command()
def add(
    context: typer.Context,
    device_id: DeviceId,
    domain: Annotated[str, typer.Option(help="traffic, drainage, environment or energy.")] = "",
    kind: Annotated[str, typer.Option(help="traffic_detector, water_level, …")] = "",
    name_vi: Annotated[str, typer.Option(help="Its name in Vietnamese.")] = "",
    name_en: Annotated[str, typer.Option(help="Its name in English; the Vietnamese one if not given.")] = "",
    lat: Annotated[str, typer.Option(help="Latitude, degrees.")] = "",
    lon: Annotated[str, typer.Option(help="Longitude, degrees.")] = "",
    zone: Annotated[str, typer.Option(help="Code of its zone; see zones.csv of the city.")] = "",
    interval_s: Annotated[str, typer.Option(help="Seconds between two messages.")] = "60",
    metric: Annotated[list[str] | None, typer.Option(help="What it measures; may be repeated.")] = None,
    tags: Annotated[str, typer.Option(help="road=…;river=…")] = "",
    as_json: AsJson = False,
) -> None:
    """Register a device and give it an account; one that is registered needs its id alone."""
    given = {
        "device_id": device_id, "domain": domain, "kind": kind, "name_vi": name_vi,
        "name_en": name_en or name_vi, "lat": lat, "lon": lon, "zone": zone,
        "interval_s": interval_s, "metrics": " ".join(metric or ()), "tags": tags,
    }  # fmt: skip
    with open_provisioner(context) as provisioner:
        device = _described(context, given) if domain else _registered(provisioner, device_id)
        made = provisioner.add([device])
    if not made:
        raise ConflictError(
            f"{device_id!r} has an account already; `cityops device rotate` gives a new password"
        )
    show_credentials(made, as_json=as_json)


@app.command(name="list")
def list_all(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show every device and whether it has an account."""
    from store.device_access import list_access

    with open_database(context) as conn:
        found = list_access(conn)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    table = Table("Device", "Domain", "Name", "Account", "Since")
    for access in found:
        state = "active" if access.is_active else "revoked" if access.revoked_at else "none"
        since = access.revoked_at or access.rotated_at or access.granted_at
        table.add_row(
            escape(access.device_id), access.domain, escape(access.name_vi), state,
            f"{since:%Y-%m-%d %H:%M}" if since else "",
        )  # fmt: skip
    out.print(table)


@app.command()
def rotate(context: typer.Context, device_id: DeviceId, as_json: AsJson = False) -> None:
    """Give a device a new password (its first, if it has none); the old one ends at once."""
    with open_provisioner(context) as provisioner:
        made = provisioner.rotate(device_id)
    show_credentials([made], as_json=as_json)


@app.command()
def revoke(context: typer.Context, device_id: DeviceId) -> None:
    """Take a device's account away and cut it off at once; its readings stay."""
    with open_provisioner(context) as provisioner:
        provisioner.revoke(device_id)
    say(f"Revoked {device_id}")


@app.command(name="import")
def import_csv(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with the columns of the city's devices.csv.")],
    credentials: Annotated[
        Path | None, typer.Option(help="Write the credentials to this new file, for its owner alone.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register every device of a table and give accounts to those without; all of them or none."""
    from launch.credentials import reserve, write_credentials

    devices = _read_table(context, file)
    with open_provisioner(context) as provisioner:
        if credentials is not None:
            reserve(credentials)
        try:
            made = _import(provisioner, devices)
        except BaseException:
            if credentials is not None:
                credentials.unlink(missing_ok=True)
            raise
    if credentials is not None:
        write_credentials(credentials, made)
    kept = len(devices) - len(made)
    if credentials is None:
        show_credentials(made, as_json=as_json, many=True)
    if not as_json:
        say(f"{len(devices)} devices registered, {len(made)} new accounts, {kept} keep theirs")


def _import(provisioner: Provisioner, devices: Sequence[Device]) -> list[Credentials]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    from launch.console import err

    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("Accounts", total=len(devices))
        return provisioner.add(devices, lambda count: bar.update(task, advance=count))


def _read_table(context: typer.Context, file: Path) -> list[Device]:
    from launch.config import load_city
    from telemetry.device_rows import read_devices

    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", cure="name a CSV file that can be read") from error
    devices, faults = read_devices(content, [zone.code for zone in load_city(_settings(context)).zones])
    if faults:
        shown = [str(fault) for fault in faults[:_SHOWN_FAULTS]]
        more = [f"and {len(faults) - len(shown)} more"] if len(faults) > len(shown) else []
        raise ConfigError(
            "\n".join([f"{file}: nothing was imported", *shown, *more]), cure="mend these, then import again"
        )
    return devices


def _described(context: typer.Context, given: dict[str, str]) -> Device:
    from launch.config import load_city
    from telemetry.device_rows import check_device

    zones = [zone.code for zone in load_city(_settings(context)).zones]
    device, faults = check_device(given, 0, zones)
    if device is None:
        told = "\n".join(f"--{fault.column.replace('_', '-')}: {fault.message}" for fault in faults)
        raise ConfigError(told, cure="see `cityops device add --help`")
    return device


def _registered(provisioner: Provisioner, device_id: str) -> Device:
    from store.devices import get_device

    try:
        return get_device(provisioner.conn, device_id)
    except NotFoundError as error:
        raise ConfigError(
            f"no device {device_id!r} is registered", cure="describe it: --domain, --kind, --name-vi, …"
        ) from error


@contextmanager
def open_provisioner(context: typer.Context) -> Generator[Provisioner]:
    """Both ends of the accounts, by the settings."""
    from launch.credentials import Provisioner
    from store.pool import connect

    settings = with_trust(with_addresses(_settings(context), account=Account.ADMIN))
    with connect(settings.database_url or "", name="devices", autocommit=True) as conn:
        yield Provisioner(conn, settings, settings.mqtt_url or "")


@contextmanager
def open_database(context: typer.Context) -> Generator[psycopg.Connection]:
    """The database, by the settings."""
    from store.pool import connect

    url = with_addresses(_settings(context), broker=False).database_url or ""
    with connect(url, name="devices") as conn:
        yield conn


def _settings(context: typer.Context) -> Settings:
    assert isinstance(context.obj, Settings)
    return context.obj


def show_credentials(made: Sequence[Credentials], *, as_json: bool, many: bool = False) -> None:
    """Show passwords, this once."""
    if as_json:
        shown = list(made) if many else made[0]
        print(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
        return
    if not made:
        return
    table = Table("User and client id", "Password, shown this once", title="New credentials")
    for one in made:
        table.add_row(escape(one.device_id), escape(one.password))
    out.print(table)
    out.print(f"Broker: {escape(made[0].broker)}", soft_wrap=True)
    if len(made) == 1:
        say(f"Publishes to: {', '.join(made[0].publish)}")
