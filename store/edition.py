"""Which database this is: what it can do depends on the edition of TimescaleDB."""

from __future__ import annotations

from enum import StrEnum

import psycopg


class Edition(StrEnum):
    """What the database can do, by licence."""

    COMMUNITY = "community"
    APACHE = "apache"
    PLAIN = "plain"


def edition(conn: psycopg.Connection) -> Edition:
    """Which edition of TimescaleDB this is, if any."""
    if timescaledb_version(conn) is None:
        return Edition.PLAIN
    row = conn.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    return Edition.COMMUNITY if row and row[0] == "timescale" else Edition.APACHE


def timescaledb_version(conn: psycopg.Connection) -> str | None:
    """Version of the extension, ``None`` without it."""
    row = conn.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    return None if row is None else str(row[0])


def server_version(conn: psycopg.Connection) -> str:
    """Such as ``PostgreSQL 17.5, TimescaleDB 2.19.3 (apache)``, for people."""
    row = conn.execute("SHOW server_version").fetchone()
    postgres = f"PostgreSQL {str(row[0]).split()[0]}" if row else "PostgreSQL"
    version = timescaledb_version(conn)
    if version is None:
        return f"{postgres}, no TimescaleDB"
    return f"{postgres}, TimescaleDB {version} ({edition(conn)})"
