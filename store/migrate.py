"""Forward-only migrations: numbered ``.sql`` files, checksummed, under one lock.

Well-kept runners were looked at (``docs/decisions/0003-migrations.md``); none of
them runs the same files on the three editions of TimescaleDB, so this is ours.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg import sql

from store.edition import Edition, edition, server_version
from telemetry.errors import MigrationError

__all__ = [
    "Edition",
    "Migration",
    "edition",
    "migrate",
    "packaged_migrations",
    "pending",
    "server_version",
]

_LOCK = 7_206_143_551  # any constant: the advisory lock of CityOps migrations
_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")

_CREATE_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
)"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name, its text, and the checksum that holds it to its word."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def packaged_migrations() -> list[Migration]:
    """The migrations of this version, in order."""
    folder = resources.files("store") / "migrations"
    files = sorted((f for f in folder.iterdir() if _NAME.fullmatch(f.name)), key=lambda f: f.name)
    return [Migration(f.name, f.read_text(encoding="utf-8")) for f in files]


def migrate(database_url: str, migrations: list[Migration] | None = None) -> list[str]:
    """Bring the schema up to date and return the names applied now.

    All of it is one transaction: a failure leaves the database as it was. Two
    processes migrating at once take turns.

    Raises
    ------
    MigrationError
        An applied file was changed since, or the database has migrations that this
        version does not know.
    """
    wanted = packaged_migrations() if migrations is None else migrations
    with psycopg.connect(database_url) as conn:
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        _prepare_extension(conn)
        conn.execute(_CREATE_HISTORY)
        rows = conn.execute("SELECT name, checksum FROM schema_migration").fetchall()
        applied = {str(name): str(checksum) for name, checksum in rows}
        _check(wanted, applied)
        fresh = [m for m in wanted if m.name not in applied]
        for migration in fresh:
            conn.execute(sql.SQL(migration.text))  # pyright: ignore[reportArgumentType]
            conn.execute(
                "INSERT INTO schema_migration (name, checksum) VALUES (%s, %s)",
                (migration.name, migration.checksum),
            )
    return [m.name for m in fresh]


def _check(wanted: list[Migration], applied: dict[str, str]) -> None:
    known = {m.name: m.checksum for m in wanted}
    unknown = sorted(set(applied) - set(known))
    if unknown:
        raise MigrationError(
            f"the database has migration {unknown[-1]}, which this version does not know",
            cure="run the newer CityOps, or restore a backup made with this one",
        )
    changed = sorted(name for name, checksum in applied.items() if known[name] != checksum)
    if changed:
        raise MigrationError(
            f"migration {changed[0]} was changed after it was applied",
            cure="restore the file and put the change into a new migration",
        )


def _prepare_extension(conn: psycopg.Connection) -> None:
    available = conn.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'")
    if available.fetchone():
        conn.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    else:
        shim = (resources.files("store") / "shim.sql").read_text(encoding="utf-8")
        conn.execute(sql.SQL(shim))  # pyright: ignore[reportArgumentType]


def pending(conn: psycopg.Connection) -> list[str]:
    """Names of packaged migrations that this database does not have yet."""
    exists = conn.execute("SELECT to_regclass('schema_migration')").fetchone()
    if exists is None or exists[0] is None:
        return [m.name for m in packaged_migrations()]
    done = {str(row[0]) for row in conn.execute("SELECT name FROM schema_migration")}
    return [m.name for m in packaged_migrations() if m.name not in done]
