"""What a database server is asked about itself, and told before the schema comes.

The schema and every query on it live in ``store``; this is about servers and roles.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from telemetry.errors import EngineError


def answers(url: str) -> bool:
    """Whether the server takes connections yet.

    Raises
    ------
    EngineError
        Where it refuses the password: waiting would not help.
    """
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise EngineError(
                "the private PostgreSQL refuses its password", cure="cityops clean-data"
            ) from error
        return False


def require(url: str) -> None:
    """Check that a given database can be reached.

    Raises
    ------
    EngineError
        Where it cannot; the message never holds the password.
    """
    try:
        with psycopg.connect(url, connect_timeout=5):
            return
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise EngineError(
            f"the database at DATABASE_URL does not answer: {reason}", cure="check DATABASE_URL"
        ) from None


def provision(admin_url: str, name: str, password: str) -> None:
    """Make the role and the database ``name``, where they are not there yet.

    The role owns its database and is no superuser.
    """
    with psycopg.connect(admin_url, autocommit=True) as conn:
        if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
            query = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            conn.execute(query.format(sql.Identifier(name), sql.Literal(password)))
        if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            create_database(conn, name, owner=name)


def create_database(conn: psycopg.Connection, name: str, *, owner: str) -> None:
    """Make an empty database; ``conn`` is the superuser's, in autocommit."""
    query = sql.SQL("CREATE DATABASE {} OWNER {}")
    conn.execute(query.format(sql.Identifier(name), sql.Identifier(owner)))


def drop_database(conn: psycopg.Connection, name: str) -> None:
    """Drop a database, ending the connections to it."""
    conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def replace_database(conn: psycopg.Connection, name: str, *, by: str) -> None:
    """Give a database the name of another, which is dropped; ``conn`` is a superuser's, in autocommit.

    TimescaleDB's scheduler comes back to a database by itself, so both are closed first.
    """
    close = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(by))
    conn.execute(close)
    conn.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (by,))
    drop_database(conn, name)
    conn.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(by), sql.Identifier(name)))
    conn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))


def is_superuser(conn: psycopg.Connection) -> bool:
    """Whether the session's role is one."""
    row = conn.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    return bool(row and row[0])


def has_role(conn: psycopg.Connection, name: str) -> bool:
    """Whether the server knows a role."""
    return conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is not None


def version(url: str) -> str:
    """Versions and edition, such as ``PostgreSQL 17.5, TimescaleDB 2.19.3 (apache)``."""
    from store.migrate import server_version

    with psycopg.connect(url) as conn:
        return server_version(conn)
