"""People: who may sign in, with which role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from store.sessions import end_sessions
from telemetry.errors import NotFoundError
from telemetry.people import RightsError, Role

_LOCK = 7_206_143_552  # any constant: the first administrator is made once


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who may sign in, or could once."""

    person_id: int
    name: str
    role: Role
    created_at: datetime
    password_set_at: datetime
    disabled_at: datetime | None
    seen_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in is checked against."""

    person_id: int
    name: str
    password_hash: str


_LIST = """
SELECT person_id, name, role, created_at, password_set_at, disabled_at,
       (SELECT max(seen_at) FROM session WHERE session.person_id = person.person_id) AS seen_at
FROM person"""
_BY_NAME = f"{_LIST} WHERE name = %s"
_ALL = f"{_LIST} ORDER BY name"
_ADD = """
INSERT INTO person (name, role, password_hash) VALUES (%s, %s, %s)
ON CONFLICT (name) DO NOTHING"""
_CREDENTIALS = "SELECT person_id, name, password_hash FROM person WHERE name = %s AND disabled_at IS NULL"
_SET_ROLE = "UPDATE person SET role = %s WHERE name = %s"
_SET_PASSWORD = "UPDATE person SET password_hash = %s, password_set_at = now() WHERE name = %s"  # noqa: S105  (a query)
_DISABLE = "UPDATE person SET disabled_at = coalesce(disabled_at, now()) WHERE name = %s"
_ENABLE = "UPDATE person SET disabled_at = NULL WHERE name = %s"
_WHO_MAY = "SELECT name FROM person WHERE disabled_at IS NULL AND role = ANY(%s) ORDER BY name"
_ADMINISTRATORS = """
SELECT name FROM person WHERE role = 'administrator' AND disabled_at IS NULL ORDER BY person_id FOR UPDATE"""


def add_person(conn: psycopg.Connection, name: str, role: Role, password_hash: str) -> Person:
    """Add someone.

    Raises
    ------
    RightsError
        Where the name is taken.
    """
    if conn.execute(_ADD, (name, role, password_hash)).rowcount == 0:
        raise RightsError(f"there is a person {name!r} already", cure="choose another name")
    return get_person(conn, name)


def add_first_administrator(conn: psycopg.Connection, name: str, password_hash: str) -> Person | None:
    """Add an administrator where there is no one at all; ``None`` where there is someone."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    if not is_empty(conn):
        return None
    return add_person(conn, name, Role.ADMINISTRATOR, password_hash)


def is_empty(conn: psycopg.Connection) -> bool:
    """Whether there is no one yet."""
    return conn.execute("SELECT 1 FROM person LIMIT 1").fetchone() is None


def get_person(conn: psycopg.Connection, name: str) -> Person:
    """One person by name; `NotFoundError` where there is none."""
    with conn.cursor(row_factory=class_row(Person)) as cursor:
        found = cursor.execute(_BY_NAME, (name,)).fetchone()
    if found is None:
        raise NotFoundError("person", name)
    return found


def list_people(conn: psycopg.Connection) -> list[Person]:
    """Everyone, by name."""
    with conn.cursor(row_factory=class_row(Person)) as cursor:
        return cursor.execute(_ALL).fetchall()


def list_active(conn: psycopg.Connection, least: Role) -> list[str]:
    """Names of those who may sign in and have at least this role."""
    roles = [str(role) for role in Role if role.rank >= least.rank]
    return [row[0] for row in conn.execute(_WHO_MAY, (roles,))]


def find_credentials(conn: psycopg.Connection, name: str) -> Credentials | None:
    """What to check a sign-in against; ``None`` for a name that may not sign in."""
    with conn.cursor(row_factory=class_row(Credentials)) as cursor:
        return cursor.execute(_CREDENTIALS, (name,)).fetchone()


def set_role(conn: psycopg.Connection, name: str, role: Role) -> Person:
    """Give another role; `RightsError` where no administrator would be left."""
    if role is not Role.ADMINISTRATOR:
        _leave_an_administrator(conn, name)
    conn.execute(_SET_ROLE, (role, name))
    return get_person(conn, name)


def disable_person(conn: psycopg.Connection, name: str) -> Person:
    """Bar someone and end their sessions; `RightsError` where no administrator would be left."""
    _leave_an_administrator(conn, name)
    conn.execute(_DISABLE, (name,))
    end_sessions(conn, name)
    return get_person(conn, name)


def enable_person(conn: psycopg.Connection, name: str) -> Person:
    """Let someone in again."""
    conn.execute(_ENABLE, (name,))
    return get_person(conn, name)


def set_password(conn: psycopg.Connection, name: str, password_hash: str) -> Person:
    """Set a new password and end every session that began with the old one."""
    conn.execute(_SET_PASSWORD, (password_hash, name))
    end_sessions(conn, name)
    return get_person(conn, name)


def set_own_password(conn: psycopg.Connection, name: str, password_hash: str, token: str) -> int:
    """Set a new password; how many sessions ended, all but that of ``token``."""
    conn.execute(_SET_PASSWORD, (password_hash, name))
    return end_sessions(conn, name, keep=token)


def _leave_an_administrator(conn: psycopg.Connection, name: str) -> None:
    # Locked: two administrators who bar each other at once must not both succeed.
    administrators = [row[0] for row in conn.execute(_ADMINISTRATORS)]
    if administrators == [name]:
        raise RightsError(f"{name!r} is the only administrator", cure="make another one first")
