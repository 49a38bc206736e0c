"""``cityops backup`` and ``cityops restore``."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from launch import backup
from launch.addresses import running_state
from launch.console import engine_progress, err, say
from launch.engines.choice import choose_database
from launch.engines.clients import Clients, find_clients
from launch.engines.database import Cluster
from launch.engines.surroundings import Surroundings
from launch.folder import claimed, open_folder
from launch.ports import free_port
from launch.processes import Guard
from launch.run_state import stop_leftovers
from telemetry.errors import EngineError
from telemetry.settings import Settings

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class _Target:
    """A database: its name, an address with rights over its server, and the tools for it."""

    admin_url: str
    name: str
    clients: Clients

    @property
    def url(self) -> str:
        return urlsplit(self.admin_url)._replace(path=f"/{self.name}").geturl()


@app.command(name="backup")
def make(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A new folder; with --keep, one for all backups.")],
    keep: Annotated[
        int | None, typer.Option(min=1, help="Make one named for its time in FOLDER, and keep so many.")
    ] = None,
) -> None:
    """Back the database up while everything runs: a dump of one moment, with a manifest."""
    target = folder / f"cityops-{datetime.now(UTC):%Y%m%dT%H%M%SZ}" if keep else folder
    with _database(_settings(context), may_run=True) as found, _bar() as progress:
        manifest = backup.make_backup(found.url, found.clients, target, progress)
    rows = f"{manifest.counts.get('reading', 0):,} readings, {manifest.counts.get('device', 0):,} devices"
    server = f"PostgreSQL {manifest.postgres_major}, {manifest.edition}"
    say(f"{target}: {rows}, {manifest.bytes / 1e6:,.1f} MB, {server}")
    for old in backup.prune(folder, keep) if keep else ():
        say(f"Removed {old}")


@app.command()
def restore(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A backup's folder.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a database that is not empty.")] = False,
) -> None:
    """Put a backup in the database's place. CityOps must not run meanwhile.

    What is there is kept until the backup is in and counted.
    """
    backup.read_manifest(folder)
    with _database(_settings(context), may_run=False) as found, _bar() as progress:
        manifest = backup.restore_backup(
            found.admin_url, found.name, found.clients, folder, progress, force=force
        )
    say(
        f"Restored what was there on {manifest.made_at:%Y-%m-%d %H:%M} UTC: "
        f"{manifest.counts.get('reading', 0):,} readings, {manifest.counts.get('device', 0):,} devices"
    )


@contextlib.contextmanager
def _database(settings: Settings, *, may_run: bool) -> Generator[_Target]:
    """The database that is given, that of the run, or the data folder's own, started for this."""
    state = running_state(settings)
    if settings.database_url:
        yield _target(settings, settings.database_url, settings.database_url)
    elif state is not None:
        if not may_run:
            raise EngineError(f"CityOps runs on {settings.data_path}", cure="stop it with Ctrl-C there first")
        yield _target(settings, state.database_url, _as_admin(settings, state.database_url))
    else:
        with _own_cluster(settings) as cluster:
            yield _target(settings, cluster.url, cluster.admin_url)


@contextlib.contextmanager
def _own_cluster(settings: Settings) -> Generator[Cluster]:
    folder, guard = settings.data_path, Guard()
    with contextlib.closing(guard):
        open_folder(folder)
        with claimed(folder):
            stop_leftovers(folder)
            with engine_progress() as report:
                cluster = choose_database(Surroundings(settings, folder, report, guard), free_port())
                assert isinstance(cluster, Cluster)  # no address is given
                cluster.start()
            try:
                yield cluster
            finally:
                cluster.stop()


def _as_admin(settings: Settings, url: str) -> str:
    """The superuser's address of the running private cluster; the same one where it is not ours."""
    try:
        secrets = json.loads((settings.data_path / "database-secrets.json").read_bytes())
    except FileNotFoundError:
        return url
    parts = urlsplit(url)
    return parts._replace(netloc=f"postgres:{secrets['postgres']}@{parts.hostname}:{parts.port}").geturl()


def _target(settings: Settings, url: str, admin_url: str) -> _Target:
    from store.backup import read_facts
    from store.pool import connect

    with connect(url, name="backup") as conn:
        major = read_facts(conn).postgres_major
    name = urlsplit(url).path.lstrip("/")
    admin = urlsplit(admin_url)._replace(path="/postgres").geturl()
    return _Target(admin, name, find_clients(settings, major))


@contextlib.contextmanager
def _bar() -> Generator[backup.Progress]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def advance(part: float, what: str) -> None:
            bar.update(task, completed=part, description=what)

        yield advance


def _settings(context: typer.Context) -> Settings:
    assert isinstance(context.obj, Settings)
    return context.obj
