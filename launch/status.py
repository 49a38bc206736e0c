"""`cityops status`: what runs, whether it is well, and how far behind it is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg
from rich.markup import escape
from rich.table import Table

from launch.addresses import running_state
from launch.console import out, say
from launch.processes import is_running
from launch.run_state import RunState
from launch.storage_status import StorageStatus, print_storage, read_storage
from store.services import Service
from telemetry.settings import Settings

SILENT_AFTER_S = 10.0
"""Services beat every two seconds; five missed beats are no accident."""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One process: ``health`` is ``ok``, ``silent`` (no heartbeat) or ``down``.

    ``lag`` says how far behind it is, in words of its own: seconds or batches.
    """

    name: str
    pid: int | None
    health: str
    lag: str = ""
    seen_s_ago: float | None = None
    detail: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Status:
    """The whole of it."""

    running: bool
    database_url: str | None
    mqtt_url: str | None
    http_url: str | None
    database: str
    broker: str
    services: list[ServiceStatus]
    problem: str = ""
    storage: StorageStatus | None = None


def read_status(settings: Settings) -> Status:
    """Ask the run on the data folder and its database; never raises for what is down."""
    state = running_state(settings)
    database_url = settings.database_url or (state.database_url if state else None)
    beats: list[Service] = []
    database, lag, problem = (state.database if state else ""), "", ""
    if database_url:
        try:
            database, beats, lag = _ask_database(database_url, database)
        except psycopg.Error as error:
            problem = f"the database does not answer: {(str(error).splitlines() or ['?'])[0]}"
    return Status(
        running=state is not None,
        database_url=database_url,
        mqtt_url=settings.mqtt_url or (state.mqtt_url if state else None),
        http_url=state.http_url if state else None,
        database=database,
        broker=state.broker if state else "",
        services=_merge(state, beats, lag, datetime.now(UTC)),
        problem=problem,
        storage=read_storage(database_url, settings.store) if database_url and not problem else None,
    )


def _ask_database(url: str, described: str) -> tuple[str, list[Service], str]:
    from store.migrate import server_version
    from store.offsets import worst_lag
    from store.pool import connect
    from store.services import list_services

    with connect(url, name="status") as conn:
        version = server_version(conn)
        try:
            behind = worst_lag(conn, "analytics")
            return described or version, list_services(conn), f"{behind} batches"
        except psycopg.errors.UndefinedTable:
            return described or version, [], ""


def heartbeat_ages_s(database_url: str) -> dict[str, float]:
    """Seconds since the last heartbeat, by the database's clock, of each service that beat within a day."""
    from store.pool import connect
    from store.services import list_aged

    with connect(database_url, name="health") as conn:
        return {service.name: age_s for service, age_s in list_aged(conn)}


def _merge(state: RunState | None, beats: list[Service], lag: str, now: datetime) -> list[ServiceStatus]:
    """Processes we know of, with the last heartbeat of each; then beats of processes elsewhere."""
    by_name = {service.name: service for service in beats}
    found: list[ServiceStatus] = []
    for member in state.members if state else ():
        beat = by_name.pop(member.name, None)
        alive = is_running(member.identity)
        # Only what has a heartbeat can miss it: engines are known by their process alone.
        found.append(_judge(member.name, member.pid, alive, beat, lag, now))
    found += [_judge(b.name, b.pid, True, b, lag, now) for b in by_name.values()]
    return found


def _judge(name: str, pid: int, alive: bool, beat: Service | None, lag: str, now: datetime) -> ServiceStatus:
    seen = (now - beat.seen_at).total_seconds() if beat and beat.seen_at else None
    silent = seen is not None and seen > SILENT_AFTER_S
    health = "down" if not alive else "silent" if silent else "ok"
    detail = dict(beat.detail) if beat else {}
    own = f"{detail['lag_s']} s" if "lag_s" in detail else ""
    told = lag if name.partition(" ")[0] == "analytics" else own
    return ServiceStatus(name, pid, health, told, seen, detail)


def print_json(status: Status) -> None:
    """For programs; with passwords, as it is the reader's own."""
    print(json.dumps(asdict(status), indent=2, default=str))


def print_table(status: Status) -> None:
    """For people; without passwords."""
    if not status.running:
        say("Nothing runs on this data folder.")
        if not status.database_url:
            return
    for label, value in (
        ("Dashboard", status.http_url),
        ("Database", f"{status.database}  {without_password(status.database_url)}"),
        ("Broker", f"{status.broker}  {without_password(status.mqtt_url)}"),
    ):
        say(f"{label}: {value or '-'}")
    table = Table("service", "pid", "health", "seen", "lag", "")
    for service in status.services:
        seen = "" if service.seen_s_ago is None else f"{service.seen_s_ago:.0f} s ago"
        facts = ", ".join(f"{k} {v}" for k, v in service.detail.items() if k != "lag_s")
        colour = {"ok": "green", "silent": "yellow"}.get(service.health, "red")
        health = f"[{colour}]{service.health}[/{colour}]"
        table.add_row(service.name, str(service.pid or "-"), health, seen, service.lag, escape(facts))
    out.print(table)
    if status.storage:
        print_storage(status.storage)
    if status.problem:
        say(status.problem)


def without_password(url: str | None) -> str:
    """An address that may be shown."""
    if not url:
        return "-"
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)
