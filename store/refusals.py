"""Refused attempts to sign in: counted, and told in the audit log once a minute for each origin."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import psycopg

from store.audit import record

TOLD_EVERY: Final = timedelta(minutes=1)
"""A name from an address has one entry in so long, however often it is refused."""

_BEGIN = """
INSERT INTO sign_in_refusal (name, address, told_at) VALUES (%(name)s, %(address)s, '-infinity')
ON CONFLICT DO NOTHING"""
_LOCK = """
SELECT untold, told_at <= %(oldest)s FROM sign_in_refusal
WHERE name = %(name)s AND address = %(address)s FOR UPDATE"""
_COUNT = "UPDATE sign_in_refusal SET untold = untold + 1 WHERE name = %(name)s AND address = %(address)s"
_TELL = """
UPDATE sign_in_refusal SET untold = 0, told_at = %(now)s
WHERE name = %(name)s AND address = %(address)s"""
_FINISH = "DELETE FROM sign_in_refusal WHERE told_at <= %s RETURNING name, address, untold"


def note_refusal(conn: psycopg.Connection, name: str, address: str, now: datetime) -> None:
    """Count an attempt that a limit refused; the first of a minute is told, with those before it.

    ``name`` is ``?`` where the address itself has failed too often: whoever tries every name
    there is fills one entry a minute.
    """
    keys = {"name": name, "address": address, "now": now, "oldest": now - TOLD_EVERY}
    conn.execute(_BEGIN, keys)
    untold, due = conn.execute(_LOCK, keys).fetchall()[0]
    if due:
        conn.execute(_TELL, keys)
        _record(conn, name, address, untold + 1)
    else:
        conn.execute(_COUNT, keys)


def finish_refusals(conn: psycopg.Connection, now: datetime) -> None:
    """Tell what was counted and not told yet of bursts that are over."""
    for name, address, untold in conn.execute(_FINISH, (now - TOLD_EVERY,)).fetchall():
        if untold:
            _record(conn, name, address, untold)


def _record(conn: psycopg.Connection, name: str, address: str, attempts: int) -> None:
    record(conn, name, "sign_in.refused", "session", {"address": address, "attempts": attempts})
