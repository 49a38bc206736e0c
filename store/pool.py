"""Connections: one pool a process, its sessions in UTC and named for ``pg_stat_activity``."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from store.arrays import register_arrays

Pool = ConnectionPool[psycopg.Connection]


def open_pool(database_url: str, *, min_size: int = 1, max_size: int = 4, name: str) -> Pool:
    """Open a pool; it makes its connections in the background and mends broken ones.

    Parameters
    ----------
    name
        Shown as ``application_name``, so that an administrator sees who is who.
    """
    return ConnectionPool(
        database_url,
        connection_class=psycopg.Connection,
        kwargs=_session(name),
        configure=register_arrays,
        min_size=min_size,
        max_size=max_size,
        name=name,
        open=True,
    )


def connect(database_url: str, *, name: str, autocommit: bool = False) -> psycopg.Connection:
    """One connection outside a pool, for a writer or a listener that keeps it."""
    conn = psycopg.connect(database_url, autocommit=autocommit, **_session(name))
    register_arrays(conn)
    return conn


def _session(name: str) -> dict[str, Any]:
    return {
        "application_name": f"cityops {name}",
        "options": "-c timezone=UTC",
        "connect_timeout": 10,
    }
