"""What a backup must know of a database: a snapshot to share, counts to compare, and what it holds."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from store.edition import edition, timescaledb_version

_TABLES = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
ORDER BY relname"""
_ALL_TABLES = """
SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema')"""
_OWNER = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
_MAJOR = "SELECT current_setting('server_version_num')::integer / 10000"
_MIGRATIONS = "SELECT name, checksum FROM schema_migration ORDER BY name"
_SESSIONS = """
SELECT DISTINCT application_name FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'cityops %'
ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class Facts:
    """A database's server, owner and schema."""

    postgres_major: int
    timescaledb: str | None
    edition: str
    owner: str
    migrations: dict[str, str]
    """Checksums by name; empty where there is no schema."""


def read_facts(conn: psycopg.Connection) -> Facts:
    """What decides whether a backup fits a database."""
    migrations: dict[str, str] = {}
    if "schema_migration" in list_tables(conn):
        migrations = dict(conn.execute(_MIGRATIONS).fetchall())
    return Facts(_int(conn, _MAJOR), timescaledb_version(conn), str(edition(conn)), _owner(conn), migrations)


def list_tables(conn: psycopg.Connection) -> list[str]:
    """Our tables by name; chunks are not among them."""
    return [str(row[0]) for row in conn.execute(_TABLES)]


def count_all_tables(conn: psycopg.Connection) -> int:
    """How many tables a dump goes through, chunks and TimescaleDB's own among them."""
    return _int(conn, _ALL_TABLES)


def count_rows(conn: psycopg.Connection) -> dict[str, int]:
    """Rows of each of our tables; reads all of them."""
    query = sql.SQL("SELECT count(*) FROM {}")
    return {name: _int(conn, query.format(sql.Identifier("public", name))) for name in list_tables(conn)}


def list_sessions(conn: psycopg.Connection) -> list[str]:
    """Who of CityOps is connected to this database besides the asker."""
    return [str(row[0]) for row in conn.execute(_SESSIONS)]


@contextmanager
def shared_snapshot(conn: psycopg.Connection) -> Generator[str]:
    """A moment of the database that other sessions can look at too, while this lasts."""
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    conn.read_only = True
    with conn.transaction():
        row = conn.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None  # a function always answers
        yield str(row[0])


def has_extension_version(conn: psycopg.Connection, version: str) -> bool:
    """Whether this server can make TimescaleDB of a version."""
    query = "SELECT 1 FROM pg_available_extension_versions WHERE name = 'timescaledb' AND version = %s"
    return conn.execute(query, (version,)).fetchone() is not None


def create_extension(conn: psycopg.Connection, version: str, owner: str) -> None:
    """Make TimescaleDB of a version, the database owner's as in a database of ours; in autocommit."""
    conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner)))
    conn.execute(sql.SQL("CREATE EXTENSION timescaledb VERSION {}").format(sql.Literal(version)))
    conn.execute("RESET ROLE")


@contextmanager
def restoring(conn: psycopg.Connection) -> Generator[None]:
    """TimescaleDB stands still while its catalog is filled in; ``conn`` is a superuser's, in autocommit."""
    conn.execute("SELECT timescaledb_pre_restore()")
    yield
    conn.execute("SELECT timescaledb_post_restore()")


def analyze(conn: psycopg.Connection) -> None:
    """Count anew what the planner goes by: a restored table has no statistics."""
    conn.execute("ANALYZE")


def _owner(conn: psycopg.Connection) -> str:
    row = conn.execute(_OWNER).fetchone()
    return str(row[0]) if row else ""


def _int(conn: psycopg.Connection, query: LiteralString | sql.Composed) -> int:
    row = conn.execute(query).fetchone()
    return int(row[0]) if row else 0


def can_have_timescaledb(conn: psycopg.Connection) -> bool:
    """Whether this server has TimescaleDB to make, of whatever version."""
    query = "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'"
    return conn.execute(query).fetchone() is not None
