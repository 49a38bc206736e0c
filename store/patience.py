"""How long a query may take: what a page asks for must not hold a connection for minutes."""

from __future__ import annotations

import psycopg

_LIMIT = "SELECT set_config('statement_timeout', %s, true)"


def limit_time(conn: psycopg.Connection, seconds: float) -> None:
    """Give every statement of this transaction so long; then `psycopg.errors.QueryCanceled`."""
    conn.execute(_LIMIT, (str(round(seconds * 1000)),))
