"""Locks between processes: who holds one is alone, and a dead process holds none."""

from __future__ import annotations

import psycopg

_TRY = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"


def try_lock(conn: psycopg.Connection, name: str) -> bool:
    """Take a named lock for as long as this connection lives; ``False`` if it is taken."""
    row = conn.execute(_TRY, (f"cityops {name}",)).fetchone()
    return bool(row and row[0])
