"""The ``cityops`` command line. Rooms are imported by the command that needs them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from launch.addresses import with_addresses
from launch.backtests import app as backtest_app
from launch.backup_commands import app as backup_app
from launch.bench import register as register_bench
from launch.config import load_settings
from launch.console import say
from launch.detectors import app as detectors_app
from launch.devices import app as devices_app
from launch.engines.accounts import Account
from launch.engines.tls import with_trust
from launch.folder import claimed, remove_folder
from launch.gateways import register as register_gateways
from launch.inbox import register as register_inbox
from launch.labels import app as labels_app
from launch.ledger import show as show_ledger
from launch.people import app as people_app
from launch.quarantine import app as quarantine_app
from launch.run_state import stop_leftovers
from launch.score import score
from launch.shadows import app as shadow_app
from launch.signals import stop_on_signals
from launch.tls import app as tls_app
from launch.transfer import app as transfer_app
from telemetry.city import City
from telemetry.settings import Settings

app = typer.Typer(
    name="cityops",
    help="A smart-city telemetry platform and operations center.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(people_app, name="user")
register_inbox(devices_app)
register_gateways(devices_app)
app.add_typer(transfer_app)
app.add_typer(backup_app)
app.add_typer(devices_app, name="device")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(detectors_app, name="detectors")
app.add_typer(labels_app, name="labels")
app.add_typer(tls_app, name="tls")
app.add_typer(backtest_app, name="backtest")
app.add_typer(shadow_app, name="shadow")
register_bench(app)
app.command(name="ledger")(show_ledger)
app.command()(score)

Scenario = Literal["demo", "calm", "none"]


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="Settings file; cityops.toml here, if there is one.")
    ] = None,
    data_dir: Annotated[str | None, typer.Option(help="Data folder (CITYOPS_DATA_DIR).")] = None,
    http_host: Annotated[str | None, typer.Option(help="Address the dashboard listens on.")] = None,
    http_port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Dashboard port; 0: any.")] = None,
    mqtt_port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Broker port; 0: any.")] = None,
    db_port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Database port; 0: any.")] = None,
    engine: Annotated[str | None, typer.Option(help="auto, installed, chroot or wheels.")] = None,
) -> None:
    """Read the settings: flags over the environment over the file."""
    overrides = {
        "data_dir": data_dir,
        "http_host": http_host,
        "http_port": http_port,
        "mqtt_port": mqtt_port,
        "db_port": db_port,
        "engine": engine,
    }
    context.obj = load_settings(config, overrides)


def _settings(context: typer.Context) -> Settings:
    assert isinstance(context.obj, Settings)
    return context.obj


@app.command()
def demo(context: typer.Context) -> None:
    """Run a simulated city on this machine: engines, history, simulators and every service."""
    _log_to_stderr(logging.WARNING)
    from launch.demo import run_city

    run_city(_settings(context), simulate=True)


@app.command()
def up(context: typer.Context) -> None:
    """Run the platform for real devices: as `demo`, without simulators and history."""
    _log_to_stderr(logging.WARNING)
    from launch.demo import run_city

    run_city(_settings(context), simulate=False)


@app.command()
def migrate(context: typer.Context) -> None:
    """Bring the database's schema up to date and register the city's devices."""
    from launch.config import load_city
    from launch.schema import prepare_database

    settings = with_addresses(_settings(context), broker=False)
    city = load_city(settings)
    applied = prepare_database(settings.database_url or "", city, settings)
    say(f"Applied {', '.join(applied) if applied else 'nothing new'}; {len(city.devices)} devices registered")


@app.command()
def ingest(context: typer.Context) -> None:
    """Store what devices publish: MQTT to the database."""
    settings = _service(context)
    from ingest.service import run

    with stop_on_signals() as stop:
        run(settings, stop)


@app.command()
def analytics(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Of this process, where several share the work.")] = "",
) -> None:
    """Score committed readings, and open and resolve alerts."""
    settings = _service(context, broker=False)
    from analytics.service import run
    from launch.config import load_city

    with stop_on_signals() as stop:
        run(settings, load_city(settings), stop, name=name)


@app.command()
def maintain(context: typer.Context) -> None:
    """Keep the rollups of readings right, and let go of what is too old."""
    settings = _service(context, broker=False)
    from launch.maintenance import run

    with stop_on_signals() as stop:
        run(settings, stop)


@app.command()
def dashboard(context: typer.Context) -> None:
    """Serve the operations center and the REST interface."""
    settings = _service(context, broker=False)
    from dashboard.service import run
    from launch.config import load_city

    with stop_on_signals() as stop:
        run(settings, load_city(settings), stop)


@app.command()
def simulate(
    context: typer.Context,
    devices: Annotated[int | None, typer.Option(min=1, help="How many; the city's own if not given.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Messages a second in all.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed is the same city.")] = 7,
    speed: Annotated[float, typer.Option(min=0.001, help="How much faster than the clock.")] = 1.0,
    scenario: Annotated[Scenario, typer.Option(help="Which faults and events there are.")] = "demo",
) -> None:
    """Publish as a city of simulated devices would; also a load generator."""
    settings = _service(context, database=False, account=Account.SIMULATOR)
    from device_sims.options import SimOptions
    from device_sims.service import run
    from launch.config import load_city

    city = load_city(settings)
    if devices is not None and devices > len(city.devices):
        _register_clones(settings, city, devices)
    wanted = SimOptions(devices=devices, rate=rate, seed=seed, speed=speed, scenario=scenario)
    with stop_on_signals() as stop:
        run(settings, city, wanted, stop)


@app.command()
def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; shows passwords.")] = False,
) -> None:
    """Show addresses, engines, and each service's process, health and lag. Exit code 1 if nothing runs."""
    from launch.status import print_json, print_table, read_status

    found = read_status(_settings(context))
    (print_json if as_json else print_table)(found)
    if not found.running and not found.database_url:
        raise typer.Exit(1)


@app.command()
def health(
    context: typer.Context,
    service: Annotated[
        str,
        typer.Argument(help='ingest, "ingest NAME", analytics, maintenance or maintain, bench, dashboard.'),
    ],
) -> None:
    """Exit with 0 if the service's heartbeat is fresh, with 1 else: a check for containers."""
    from launch.status import SILENT_AFTER_S, heartbeat_ages_s

    settings = with_addresses(_settings(context), broker=False)
    ages_s = heartbeat_ages_s(settings.database_url or "")
    # A service may be called as its command is; ingest is the one of these settings.
    name = {"maintain": "maintenance", "ingest": settings.ingest_service}.get(service, service)
    age_s = ages_s.get(name)
    if age_s is None:
        say(f"{name}: no heartbeat; those with one: {', '.join(sorted(ages_s)) or 'none'}")
    else:
        say(f"{name}: heartbeat {age_s:.0f} s ago")
    if age_s is None or age_s > SILENT_AFTER_S:
        raise typer.Exit(1)


@app.command()
def doctor(context: typer.Context) -> None:
    """Look for what this machine lacks, and say how to get it. Exit code 1 if a demo cannot run."""
    from launch.doctor import examine, print_findings

    if not print_findings(examine(_settings(context))):
        raise typer.Exit(1)


@app.command(name="clean-data")
def clean_data(context: typer.Context) -> None:
    """Delete the data folder: database, broker state and logs."""
    settings = _settings(context)
    folder = settings.data_path
    if not folder.exists():
        say(f"Nothing to delete: {folder} does not exist")
        return
    with claimed(folder):
        stop_leftovers(folder)
        remove_folder(folder, settings)
    say(f"Deleted {folder}")


def _register_clones(settings: Settings, city: City, count: int) -> None:
    """Make the load generator's extra devices known: readings of unknown ones go to quarantine."""
    from device_sims.fleet import devices
    from launch.schema import register

    if settings.database_url:
        register(settings.database_url, devices(city, count))
    else:
        say("DATABASE_URL is not set: devices beyond the city's own are not registered")


def _service(
    context: typer.Context, *, database: bool = True, broker: bool = True, account: Account = Account.INGEST
) -> Settings:
    """Settings of a service process, with addresses; it logs to stderr."""
    _log_to_stderr(logging.INFO)
    settings = with_addresses(_settings(context), database=database, broker=broker, account=account)
    return with_trust(settings)


def _log_to_stderr(level: int) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A line for each request would bury what matters.
    logging.getLogger("httpx").setLevel(logging.WARNING)
