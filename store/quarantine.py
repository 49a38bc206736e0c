"""Messages that could not be used, kept so that they can be looked at and mended."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

MAX_TOPIC = 512
MAX_PAYLOAD = 64 * 1024
"""Bytes kept of a payload: enough to see what it was, too little to fill a disk with."""

_PUT = """
INSERT INTO quarantine (first_at, last_at, device_id, topic, payload, digest, reason, detail)
VALUES (%(at)s, %(at)s, %(device_id)s, %(topic)s, %(payload)s, %(digest)s, %(reason)s, %(detail)s)
ON CONFLICT (digest) DO UPDATE
SET last_at = excluded.last_at, deliveries = quarantine.deliveries + 1
RETURNING deliveries = 1"""

_EVICT = """
DELETE FROM quarantine WHERE device_id = %(device_id)s AND quarantine_id <= (
    SELECT quarantine_id FROM quarantine WHERE device_id = %(device_id)s
    ORDER BY quarantine_id DESC OFFSET %(keep)s LIMIT 1
)"""

_LIST = """
SELECT quarantine_id, first_at, last_at, deliveries, device_id, topic, payload, reason, detail
FROM quarantine
WHERE (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(text)s::text IS NULL OR strpos(lower(topic || ' ' || detail), lower(%(text)s)) > 0)
ORDER BY last_at DESC, quarantine_id DESC LIMIT %(limit)s"""

_GROUPS = """
SELECT reason, count(*)::integer AS messages, sum(deliveries)::bigint AS deliveries,
       count(DISTINCT device_id)::integer AS devices, max(last_at) AS last_at
FROM quarantine GROUP BY reason ORDER BY messages DESC, reason"""

_COUNT = "SELECT count(*) FROM quarantine"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message on its way into quarantine.

    ``device_id`` is that of a known device, or empty; ``reason`` is a short stable
    key, ``detail`` a sentence for people.
    """

    at: datetime
    device_id: str
    topic: str
    payload: bytes
    reason: str
    detail: str

    @property
    def digest(self) -> bytes:
        """What makes two deliveries the same message: topic and payload."""
        return hashlib.blake2b(self.topic.encode() + b"\x00" + self.payload, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message in quarantine; ``deliveries`` counts how often it came."""

    quarantine_id: int
    first_at: datetime
    last_at: datetime
    deliveries: int
    device_id: str
    topic: str
    payload: bytes
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class RefusalGroup:
    """The messages in quarantine for one reason."""

    reason: str
    messages: int
    deliveries: int
    devices: int
    last_at: datetime


def put_refusals(conn: psycopg.Connection, refusals: Sequence[Refusal]) -> list[bool]:
    """Keep messages; answer for each whether it is new (``True``) or a redelivery."""
    if not refusals:
        return []
    # In one pipeline: a device that sends nothing but nonsense must not cost a round trip a message.
    with conn.cursor() as cursor:
        cursor.executemany(_PUT, [_row(refusal) for refusal in refusals], returning=True)
        new: list[bool] = []
        for _ in refusals:
            row = cursor.fetchone()
            new.append(bool(row and row[0]))
            cursor.nextset()
    return new


def _row(refusal: Refusal) -> dict[str, object]:
    return {
        "at": refusal.at,
        "device_id": refusal.device_id,
        "topic": _text(refusal.topic)[:MAX_TOPIC],
        "payload": refusal.payload[:MAX_PAYLOAD],
        "digest": refusal.digest,
        "reason": refusal.reason,
        "detail": _text(refusal.detail),
    }


def evict(conn: psycopg.Connection, device_id: str, keep: int) -> int:
    """Let the oldest rows of one device go past ``keep``; returns how many went."""
    return conn.execute(_EVICT, {"device_id": device_id, "keep": keep}).rowcount


def list_quarantine(
    conn: psycopg.Connection, limit: int = 100, *, reason: str | None = None, text: str | None = None
) -> list[Quarantined]:
    """The messages in quarantine that came last, of a reason, with a text in topic or detail."""
    row = {"limit": limit, "reason": reason or None, "text": text or None}
    with conn.cursor(row_factory=class_row(Quarantined)) as cursor:
        return cursor.execute(_LIST, row).fetchall()


def group_quarantine(conn: psycopg.Connection) -> list[RefusalGroup]:
    """What is in quarantine by reason, the most frequent first."""
    with conn.cursor(row_factory=class_row(RefusalGroup)) as cursor:
        return cursor.execute(_GROUPS).fetchall()


def count(conn: psycopg.Connection) -> int:
    """How many messages are in quarantine."""
    row = conn.execute(_COUNT).fetchone()
    return int(row[0]) if row else 0


def _text(text: str) -> str:
    # PostgreSQL text holds no NUL, and a device may send one.
    return text.replace("\x00", "\N{SYMBOL FOR NULL}")
