"""Sessions of people who signed in, and how often signing in has failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row

from store.tokens import digest, new_token
from telemetry.people import Role

_TOUCH_AFTER = timedelta(minutes=1)
"""A session's last use is written no more often than this."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that holds, and whose it is."""

    name: str
    role: Role
    created_at: datetime
    seen_at: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))


@dataclass(frozen=True, slots=True)
class OwnSession:
    """One of a person's sessions, as that person is shown it; ``current`` is the one that asks."""

    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    current: bool


_BEGIN = """
INSERT INTO session (token_hash, person_id, created_at, seen_at, expires_at, address)
VALUES (%(token_hash)s, %(person_id)s, %(now)s, %(now)s, %(expires_at)s, %(address)s)"""
_FIND = """
SELECT name, role, session.created_at, seen_at, expires_at FROM session JOIN person USING (person_id)
WHERE token_hash = %(token_hash)s AND disabled_at IS NULL AND expires_at > %(now)s AND seen_at > %(oldest)s"""
_TOUCH = "UPDATE session SET seen_at = %(now)s WHERE token_hash = %(token_hash)s AND seen_at < %(now)s"
_END = "DELETE FROM session WHERE token_hash = %s"
_PRUNE = "DELETE FROM session WHERE expires_at <= %(now)s OR seen_at <= %(oldest)s"

_OF_PERSON = """
SELECT session.created_at, seen_at, expires_at, address, token_hash = %(token_hash)s AS current
FROM session JOIN person USING (person_id)
WHERE name = %(name)s AND expires_at > %(now)s AND seen_at > %(oldest)s
ORDER BY current DESC, seen_at DESC"""
_END_ALL = """
DELETE FROM session WHERE person_id = (SELECT person_id FROM person WHERE name = %(name)s)
AND token_hash <> %(kept)s"""

_NOTE_FAILURE = "INSERT INTO sign_in_failure (at, name, address) VALUES (%s, %s, %s)"
_COUNT = """
SELECT (SELECT count(*) FROM sign_in_failure WHERE name = %(name)s AND at > %(since)s),
       (SELECT count(*) FROM sign_in_failure WHERE address = %(address)s AND at > %(since)s)"""
_FORGIVE = "DELETE FROM sign_in_failure WHERE name = %s"
_FORGET = "DELETE FROM sign_in_failure WHERE at < %s"


def begin_session(
    conn: psycopg.Connection, person_id: int, now: datetime, lasts: timedelta, address: str
) -> str:
    """Begin a session and return its token, which is kept nowhere else."""
    token = new_token()
    row = {
        "token_hash": digest(token),
        "person_id": person_id,
        "now": now,
        "expires_at": now + lasts,
        "address": address,
    }
    conn.execute(_BEGIN, row)
    return token


def find_session(conn: psycopg.Connection, token: str, now: datetime, idle: timedelta) -> Session | None:
    """The session of a token, unless it ended, lay idle too long or its person is barred."""
    keys = {"token_hash": digest(token), "now": now, "oldest": now - idle}
    with conn.cursor(row_factory=class_row(Session)) as cursor:
        return cursor.execute(_FIND, keys).fetchone()


def touch_session(conn: psycopg.Connection, token: str, session: Session, now: datetime) -> None:
    """Note that a session is in use; now and then only, since every request comes by here."""
    if now - session.seen_at > _TOUCH_AFTER:
        conn.execute(_TOUCH, {"now": now, "token_hash": digest(token)})


def end_session(conn: psycopg.Connection, token: str) -> bool:
    """End a session; whether there was one."""
    return conn.execute(_END, (digest(token),)).rowcount > 0


def end_sessions(conn: psycopg.Connection, name: str, keep: str = "") -> int:
    """End every session of a person but that of the token ``keep``; returns how many."""
    return conn.execute(_END_ALL, {"name": name, "kept": digest(keep)}).rowcount


def list_sessions(
    conn: psycopg.Connection, name: str, token: str, now: datetime, idle: timedelta
) -> list[OwnSession]:
    """The sessions of a person that hold, that of ``token`` first, then the one used last."""
    keys = {"name": name, "token_hash": digest(token), "now": now, "oldest": now - idle}
    with conn.cursor(row_factory=class_row(OwnSession)) as cursor:
        return cursor.execute(_OF_PERSON, keys).fetchall()


def prune_sessions(conn: psycopg.Connection, now: datetime, idle: timedelta) -> int:
    """Delete sessions that ended by themselves; returns how many."""
    return conn.execute(_PRUNE, {"now": now, "oldest": now - idle}).rowcount


def note_failure(conn: psycopg.Connection, name: str, address: str, now: datetime) -> None:
    """Note that signing in failed, or is about to be tried."""
    conn.execute(_NOTE_FAILURE, (now, name, address))


def count_failures(conn: psycopg.Connection, name: str, address: str, since: datetime) -> tuple[int, int]:
    """Failures since a time, of a name and from an address."""
    keys = {"name": name, "address": address, "since": since}
    by_name, by_address = conn.execute(_COUNT, keys).fetchall()[0]
    return int(by_name), int(by_address)


def forgive_failures(conn: psycopg.Connection, name: str) -> None:
    """Forget the failures of a name: it signed in, or an administrator set a new password."""
    conn.execute(_FORGIVE, (name,))


def forget_failures(conn: psycopg.Connection, before: datetime) -> None:
    """Delete failures that count no more."""
    conn.execute(_FORGET, (before,))
