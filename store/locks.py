"""Locks between processes: who holds one is alone, and a dead process holds none."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

_PREFIX = "cityops "
_TRY = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_SHARE = "SELECT pg_advisory_lock_shared(hashtextextended(%s, 0))"
_LET_GO = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"
_HOLD = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
# PGlite, which has one session alone, gives it no number here.
# The key's halves are two unsigned columns: PostgreSQL, "The View pg_locks".
_HOLDERS = """
SELECT name, coalesce(pid, pg_backend_pid()) FROM unnest(%s::text[]) AS name
JOIN pg_locks ON (classid::bigint << 32) | objid::bigint = hashtextextended(name, 0)
WHERE locktype = 'advisory' AND objsubid = 1 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY name, pid"""


def try_lock(conn: psycopg.Connection, name: str) -> bool:
    """Take a named lock for as long as this connection lives; ``False`` if it is taken."""
    row = conn.execute(_TRY, (_full(name),)).fetchone()
    return bool(row and row[0])


def share_lock(conn: psycopg.Connection, name: str) -> None:
    """Take a named lock beside others who share it; waits while somebody has it alone."""
    conn.execute(_SHARE, (_full(name),))


def let_go(conn: psycopg.Connection, name: str) -> None:
    """Give back what `try_lock` took."""
    conn.execute(_LET_GO, (_full(name),))


def hold(conn: psycopg.Connection, name: str) -> None:
    """Take a named lock until the end of the transaction; waits for it."""
    conn.execute(_HOLD, (_full(name),))


def holders(conn: psycopg.Connection, names: Sequence[str]) -> dict[str, list[int]]:
    """Backends that hold each of these locks now, by process id of the server."""
    held: dict[str, list[int]] = {name: [] for name in names}
    for full, pid in conn.execute(_HOLDERS, ([_full(name) for name in names],)):
        held[str(full).removeprefix(_PREFIX)].append(int(pid))
    return held


def own_pid(conn: psycopg.Connection) -> int:
    """What `holders` calls this connection."""
    row = conn.execute("SELECT pg_backend_pid()").fetchone()
    return 0 if row is None else int(row[0])


def _full(name: str) -> str:
    return _PREFIX + name
