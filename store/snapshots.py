"""A consumer's memory with the offsets it stands at, so that a restart is short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

_SAVE = """
INSERT INTO consumer_snapshot (consumer, offsets, state) VALUES (%s, %s, %s)
ON CONFLICT (consumer) DO UPDATE
SET offsets = excluded.offsets, state = excluded.state, saved_at = clock_timestamp()
RETURNING saved_at"""
_HOLD = "SELECT FROM consumer_snapshot WHERE consumer = %s AND saved_at = %s FOR UPDATE"
_FORGET = "DELETE FROM consumer_snapshot WHERE consumer = %s"
_CONSUMERS = "SELECT consumer FROM consumer_snapshot ORDER BY consumer"
_LOAD = "SELECT offsets, state, saved_at FROM consumer_snapshot WHERE consumer = %s"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State and where in each log it stands."""

    offsets: dict[str, int]
    state: bytes
    saved_at: datetime


def save_snapshot(
    conn: psycopg.Connection, consumer: str, offsets: Mapping[str, int], state: bytes
) -> datetime:
    """Keep a consumer's state; the one before it is replaced. Returns when, by which to know it again."""
    row = conn.execute(_SAVE, (consumer, Jsonb(dict(offsets)), state)).fetchone()
    assert row is not None  # an upsert returns its row
    return row[0]


def hold_snapshot(conn: psycopg.Connection, consumer: str, saved_at: datetime | None) -> bool:
    """Whether the one saved then is still the last; nobody replaces it until the transaction ends."""
    return conn.execute(_HOLD, (consumer, saved_at)).rowcount > 0


def load_snapshot(conn: psycopg.Connection, consumer: str) -> Snapshot | None:
    """The kept state of a consumer, if there is one."""
    with conn.cursor(row_factory=class_row(Snapshot)) as cursor:
        return cursor.execute(_LOAD, (consumer,)).fetchone()


def list_consumers(conn: psycopg.Connection) -> list[str]:
    """Whose state is kept."""
    return [str(row[0]) for row in conn.execute(_CONSUMERS)]


def forget_snapshot(conn: psycopg.Connection, consumer: str) -> None:
    """Forget what a consumer that is no more remembered."""
    conn.execute(_FORGET, (consumer,))
