"""Messages that could not be used, kept so that they can be looked at and mended."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

MAX_TOPIC = 512
MAX_PAYLOAD = 256 * 1024
"""Bytes kept of a payload: as many as the largest message that is understood."""

_PUT = """
INSERT INTO quarantine
    (first_at, last_at, deliveries, device_id, claimed, topic, payload, digest, reason, detail, cut)
SELECT * FROM unnest(
    %(first)s::timestamptz[], %(last)s::timestamptz[], %(deliveries)s::integer[], %(device_id)s::text[],
    %(claimed)s::text[], %(topic)s::text[], %(payload)s::bytea[], %(digest)s::bytea[], %(reason)s::text[],
    %(detail)s::text[], %(cut)s::boolean[])
ON CONFLICT (digest) DO UPDATE SET
    last_at = greatest(quarantine.last_at, excluded.last_at),
    deliveries = quarantine.deliveries + excluded.deliveries
RETURNING digest, xmax = 0"""

_EVICT = """
WITH kept AS (
    SELECT quarantine_id, row_number() OVER newest AS place,
           sum(octet_length(payload)) OVER newest AS bytes
    FROM quarantine WHERE claimed = ANY(%(claimed)s)
    WINDOW newest AS (PARTITION BY claimed ORDER BY quarantine_id DESC)
)
DELETE FROM quarantine USING kept
WHERE quarantine.quarantine_id = kept.quarantine_id
  AND (place > %(messages)s OR (place > 1 AND bytes > %(bytes)s))
RETURNING device_id"""

_COLUMNS = """quarantine_id, first_at, last_at, deliveries, device_id, topic, payload, reason, detail,
       claimed, cut"""
_MATCH = """
    (%(reason)s::text IS NULL OR reason = %(reason)s)
    AND (%(device)s::text IS NULL OR claimed = %(device)s)
    AND (%(text)s::text IS NULL OR strpos(lower(topic || ' ' || detail), lower(%(text)s)) > 0)
    AND (%(before)s::bigint IS NULL OR quarantine_id < %(before)s)"""
_LIST = f"""
SELECT {_COLUMNS} FROM quarantine
WHERE {_MATCH} ORDER BY last_at DESC, quarantine_id DESC LIMIT %(limit)s"""
_FIND = f"SELECT quarantine_id FROM quarantine WHERE {_MATCH} ORDER BY quarantine_id LIMIT %(limit)s"
_GET = f"SELECT {_COLUMNS} FROM quarantine WHERE quarantine_id = %s"
_LOCK = f"""
SELECT {_COLUMNS} FROM quarantine
WHERE quarantine_id = ANY(%s) ORDER BY last_at, quarantine_id FOR UPDATE"""
_REMOVE = "DELETE FROM quarantine WHERE quarantine_id = ANY(%s) RETURNING device_id"
_RESTATE = """
UPDATE quarantine SET claimed = %(claimed)s, reason = %(reason)s, detail = %(detail)s
WHERE quarantine_id = %(quarantine_id)s"""

_GROUPS = """
SELECT reason, count(*)::integer AS messages, sum(deliveries)::bigint AS deliveries,
       count(DISTINCT claimed)::integer AS devices, max(last_at) AS last_at
FROM quarantine GROUP BY reason ORDER BY messages DESC, reason"""

_COUNT = "SELECT count(*) FROM quarantine"
_NEWEST = "SELECT coalesce(max(quarantine_id), 0) FROM quarantine"
_BY_DEVICE = """
SELECT device_id, count(*) FROM quarantine
WHERE quarantine_id > %(after)s AND quarantine_id <= %(until)s AND reason = %(reason)s AND device_id <> ''
GROUP BY device_id"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message on its way into quarantine.

    ``device_id`` is that of a known device, or empty; ``reason`` is a short stable
    key, ``detail`` a sentence for people. ``claimed`` is the device that the message
    names, registered or not, where it is another than ``device_id``.
    """

    at: datetime
    device_id: str
    topic: str
    payload: bytes
    reason: str
    detail: str
    claimed: str = ""

    @property
    def digest(self) -> bytes:
        """What makes two deliveries the same message: topic and payload."""
        return hashlib.blake2b(self.topic.encode() + b"\x00" + self.payload, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message in quarantine; ``deliveries`` counts how often it came.

    ``claimed`` is the device that it names, ``cut`` whether only its beginning was kept.
    """

    quarantine_id: int
    first_at: datetime
    last_at: datetime
    deliveries: int
    device_id: str
    topic: str
    payload: bytes
    reason: str
    detail: str
    claimed: str
    cut: bool


@dataclass(frozen=True, slots=True)
class RefusalGroup:
    """The messages in quarantine for one reason."""

    reason: str
    messages: int
    deliveries: int
    devices: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Search:
    """Which messages: of a reason, of a claimed device, with a text in topic or detail, with an id below."""

    reason: str | None = None
    device: str | None = None
    text: str | None = None
    before: int | None = None


EVERYTHING = Search()


def put_refusals(conn: psycopg.Connection, refusals: Sequence[Refusal]) -> list[bool]:
    """Keep messages; answer for each whether it is new (``True``) or a redelivery."""
    if not refusals:
        return []
    digests = [refusal.digest for refusal in refusals]
    counts = Counter(digests)
    first = dict(zip(reversed(digests), reversed(refusals), strict=True))
    last = dict(zip(digests, refusals, strict=True))
    rows = [first[digest] for digest in counts]
    columns = {
        "first": [refusal.at for refusal in rows],
        "last": [last[digest].at for digest in counts],
        "deliveries": list(counts.values()),
        "device_id": [refusal.device_id for refusal in rows],
        "claimed": [_text(refusal.claimed or refusal.device_id) for refusal in rows],
        "topic": [_text(refusal.topic)[:MAX_TOPIC] for refusal in rows],
        "payload": [refusal.payload[:MAX_PAYLOAD] for refusal in rows],
        "digest": list(counts),
        "reason": [refusal.reason for refusal in rows],
        "detail": [_text(refusal.detail) for refusal in rows],
        "cut": [len(r.payload) > MAX_PAYLOAD or len(r.topic) > MAX_TOPIC for r in rows],
    }
    new = {bytes(row[0]) for row in conn.execute(_PUT, columns).fetchall() if row[1]}
    answers: list[bool] = []
    for digest in digests:
        answers.append(digest in new)
        new.discard(digest)
    return answers


def evict(
    conn: psycopg.Connection, claimed: Sequence[str], keep: int, keep_bytes: int = 2**62
) -> dict[str, int]:
    """Let the oldest messages of some claimed devices go past a number and a size.

    Returns how many went, by the account they had been entered under.
    """
    rows = conn.execute(_EVICT, {"claimed": list(claimed), "messages": keep, "bytes": keep_bytes}).fetchall()
    return dict(Counter(str(row[0]) for row in rows))


def list_quarantine(
    conn: psycopg.Connection, limit: int = 100, *, search: Search = EVERYTHING
) -> list[Quarantined]:
    """The messages in quarantine that match, the one that came last first."""
    with conn.cursor(row_factory=class_row(Quarantined)) as cursor:
        return cursor.execute(_LIST, {**_criteria(search), "limit": limit}).fetchall()


def find_ids(conn: psycopg.Connection, limit: int, *, search: Search = EVERYTHING) -> list[int]:
    """The ids of the messages that match, the oldest first."""
    rows = conn.execute(_FIND, {**_criteria(search), "limit": limit}).fetchall()
    return [int(row[0]) for row in rows]


def find_message(conn: psycopg.Connection, quarantine_id: int) -> Quarantined | None:
    """One message, ``None`` where it is not in quarantine."""
    with conn.cursor(row_factory=class_row(Quarantined)) as cursor:
        return cursor.execute(_GET, (quarantine_id,)).fetchone()


def lock_messages(conn: psycopg.Connection, quarantine_ids: Sequence[int]) -> list[Quarantined]:
    """Those of some messages that are still there, in the order they came, locked until the commit."""
    with conn.cursor(row_factory=class_row(Quarantined)) as cursor:
        return cursor.execute(_LOCK, (list(quarantine_ids),)).fetchall()


def remove(conn: psycopg.Connection, quarantine_ids: Sequence[int]) -> dict[str, int]:
    """Take messages out; how many went, by the account they had been entered under."""
    rows = conn.execute(_REMOVE, (list(quarantine_ids),)).fetchall()
    return dict(Counter(str(row[0]) for row in rows))


def restate(conn: psycopg.Connection, quarantine_id: int, refusal: Refusal) -> None:
    """Say anew why a message is in quarantine; its account stays, so that the ledger adds up."""
    values = {
        "quarantine_id": quarantine_id,
        "claimed": _text(refusal.claimed or refusal.device_id),
        "reason": refusal.reason,
        "detail": _text(refusal.detail),
    }
    conn.execute(_RESTATE, values)


def group_quarantine(conn: psycopg.Connection) -> list[RefusalGroup]:
    """What is in quarantine by reason, the most frequent first."""
    with conn.cursor(row_factory=class_row(RefusalGroup)) as cursor:
        return cursor.execute(_GROUPS).fetchall()


def count(conn: psycopg.Connection) -> int:
    """How many messages are in quarantine."""
    row = conn.execute(_COUNT).fetchone()
    return int(row[0]) if row else 0


def newest(conn: psycopg.Connection) -> int:
    """The number of the message that was refused last, 0 where there is none."""
    row = conn.execute(_NEWEST).fetchone()
    return int(row[0]) if row else 0


def count_by_device(conn: psycopg.Connection, reason: str, after: int, until: int) -> dict[str, int]:
    """Messages of known devices refused for a reason, numbered from past ``after`` to ``until``."""
    return dict(conn.execute(_BY_DEVICE, {"reason": reason, "after": after, "until": until}).fetchall())


def _criteria(search: Search) -> dict[str, object]:
    return {
        "reason": search.reason or None,
        "device": search.device,
        "text": search.text or None,
        "before": search.before,
    }


def _text(text: str) -> str:
    # PostgreSQL text holds no NUL, and a device may send one.
    return text.replace("\x00", "\N{SYMBOL FOR NULL}")
