"""API keys of programs: made for a person, bounded by scopes, for a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from store.tokens import digest, new_key
from telemetry.errors import NotFoundError
from telemetry.people import Identity, Role, Scope


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; the key itself is with its holder. ``hint`` is how it begins."""

    api_key_id: int
    person: str
    label: str
    hint: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", tuple(Scope(scope) for scope in self.scopes))


_COLUMNS = """api_key_id, person.name AS person, label, hint, scopes, api_key.created_at, expires_at,
last_used_at, revoked_at"""
_LIST = f"SELECT {_COLUMNS} FROM api_key JOIN person USING (person_id) ORDER BY api_key_id DESC"
_GET = f"SELECT {_COLUMNS} FROM api_key JOIN person USING (person_id) WHERE api_key_id = %s"
_ADD = """
INSERT INTO api_key (person_id, label, hint, key_hash, scopes, created_at, expires_at)
SELECT person_id, %(label)s, %(hint)s, %(key_hash)s, %(scopes)s, %(now)s, %(expires_at)s
FROM person WHERE name = %(person)s RETURNING api_key_id"""
_FIND = """
SELECT person.name, role, scopes FROM api_key JOIN person USING (person_id)
WHERE key_hash = %(key_hash)s AND revoked_at IS NULL AND disabled_at IS NULL AND expires_at > %(now)s"""
_USED = """
UPDATE api_key SET last_used_at = %(now)s WHERE key_hash = %(key_hash)s
AND (last_used_at IS NULL OR last_used_at < %(now)s - interval '1 minute')"""
_REVOKE = "UPDATE api_key SET revoked_at = coalesce(revoked_at, %s) WHERE api_key_id = %s"


def add_key(
    conn: psycopg.Connection,
    person: str,
    label: str,
    scopes: Iterable[Scope],
    now: datetime,
    expires_at: datetime,
) -> tuple[ApiKey, str]:
    """Make a key for a person; what is known of it, and the key, which is kept nowhere."""
    secret = new_key()
    row = {
        "person": person,
        "label": label,
        "hint": secret[:9],
        "key_hash": digest(secret),
        "scopes": [str(scope) for scope in sorted(set(scopes))],
        "now": now,
        "expires_at": expires_at,
    }
    made = conn.execute(_ADD, row).fetchone()
    if made is None:
        raise NotFoundError("person", person)
    return get_key(conn, made[0]), secret


def get_key(conn: psycopg.Connection, api_key_id: int) -> ApiKey:
    """One key by number; `NotFoundError` where there is none."""
    with conn.cursor(row_factory=class_row(ApiKey)) as cursor:
        found = cursor.execute(_GET, (api_key_id,)).fetchone()
    if found is None:
        raise NotFoundError("API key", api_key_id)
    return found


def list_keys(conn: psycopg.Connection) -> list[ApiKey]:
    """Every key, newest first, the ended ones too."""
    with conn.cursor(row_factory=class_row(ApiKey)) as cursor:
        return cursor.execute(_LIST).fetchall()


def find_identity(conn: psycopg.Connection, secret: str, now: datetime) -> Identity | None:
    """Who a key acts for, unless it ended, was revoked or its person is barred; notes the use."""
    keys = {"key_hash": digest(secret), "now": now}
    found = conn.execute(_FIND, keys).fetchone()
    if found is None:
        return None
    conn.execute(_USED, keys)
    name, role, scopes = found
    return Identity(name, Role(role), "key", frozenset(Scope(scope) for scope in scopes))


def revoke_key(conn: psycopg.Connection, api_key_id: int, now: datetime) -> ApiKey:
    """End a key for good."""
    conn.execute(_REVOKE, (now, api_key_id))
    return get_key(conn, api_key_id)
