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


def connect(
    database_url: str, *, name: str, autocommit: bool = False, patience_s: float | None = None
) -> psycopg.Connection:
    """One connection outside a pool, for a writer or a listener that keeps it.

    Parameters
    ----------
    patience_s
        How long either side waits for the other, in seconds: a statement, a client that
        falls silent, bytes nobody confirms. Past it the server lets go of what the session
        held (its locks too), or a lost connection would keep its successor out for hours.
        A server that is silent itself is another matter: see `store.watchdog`.
    """
    session = _session(name) if patience_s is None else _impatient(name, patience_s)
    conn = psycopg.connect(database_url, autocommit=autocommit, **session)
    register_arrays(conn)
    return conn


def _session(name: str) -> dict[str, Any]:
    return {
        "application_name": f"cityops {name}",
        "options": "-c timezone=UTC",
        "connect_timeout": 10,
    }


def _impatient(name: str, patience_s: float) -> dict[str, Any]:
    session, patience_ms = _session(name), round(patience_s * 1000)
    limits = (
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
        "tcp_user_timeout",
    )
    told = "".join(f" -c {limit}={patience_ms}" for limit in limits)
    return {
        **session,
        "options": session["options"] + told,
        "connect_timeout": max(2, round(patience_s / 2)),
        "keepalives_idle": max(1, round(patience_s / 2)),
        "keepalives_interval": max(1, round(patience_s / 6)),
        "keepalives_count": 3,
        "tcp_user_timeout": patience_ms,
    }
