"""The inbox: devices that are not registered, by the name they give themselves, and what waits of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from telemetry.adoption import Heard
from telemetry.readings import to_micros

_STRANGERS = """
claimed <> '' AND reason = 'device' AND NOT EXISTS (SELECT FROM device WHERE device.device_id = claimed)"""

_LIST = f"""
SELECT claimed AS name, min(first_at) AS first_at, max(last_at) AS last_at, count(*)::integer AS messages,
       sum(deliveries)::bigint AS deliveries, (array_agg(topic ORDER BY quarantine_id DESC))[1] AS topic
FROM quarantine
WHERE {_STRANGERS} AND (%(name)s::text IS NULL OR claimed = %(name)s)
GROUP BY claimed ORDER BY last_at DESC, name LIMIT %(limit)s"""

_SAMPLES = """
SELECT waiting.name, message.first_at, message.topic, message.payload
FROM unnest(%(names)s::text[]) AS waiting (name)
CROSS JOIN LATERAL (
    SELECT quarantine_id, first_at, topic, payload FROM quarantine
    WHERE claimed = waiting.name AND reason = 'device' AND NOT cut
    ORDER BY quarantine_id DESC LIMIT %(each)s
) AS message
WHERE octet_length(message.payload) <= %(bytes)s
ORDER BY waiting.name, message.quarantine_id"""

_WAITING = """
SELECT quarantine_id FROM quarantine
WHERE claimed = ANY(%s) AND reason IN ('device', 'birth') ORDER BY quarantine_id"""

_TRIM = f"""
WITH stranger AS (
    SELECT claimed, count(*) AS messages, max(last_at) AS last_at, sum(octet_length(payload)) AS bytes
    FROM quarantine WHERE {_STRANGERS.replace("reason = 'device' AND ", "")} GROUP BY claimed
), ranked AS (
    SELECT claimed, row_number() OVER heard AS place, sum(bytes) OVER heard AS bytes FROM stranger
    WINDOW heard AS (ORDER BY messages DESC, last_at DESC, claimed)
)
DELETE FROM quarantine USING ranked
WHERE quarantine.claimed = ranked.claimed AND (place > %(names)s OR (place > 1 AND bytes > %(size)s))
RETURNING device_id"""

_LONGEST_SAMPLE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Waiting:
    """A device that is not registered: since when it is heard, how much of it waits, its newest topic."""

    name: str
    first_at: datetime
    last_at: datetime
    messages: int
    deliveries: int
    topic: str


def list_waiting(conn: psycopg.Connection, limit: int = 200) -> list[Waiting]:
    """The devices that wait, the one that was heard last first."""
    with conn.cursor(row_factory=class_row(Waiting)) as cursor:
        return cursor.execute(_LIST, {"name": None, "limit": limit}).fetchall()


def find_waiting(conn: psycopg.Connection, name: str) -> Waiting | None:
    """One device that waits; ``None`` where nothing of that name does."""
    with conn.cursor(row_factory=class_row(Waiting)) as cursor:
        return cursor.execute(_LIST, {"name": name, "limit": 1}).fetchone()


def sample_messages(conn: psycopg.Connection, names: list[str], each: int) -> dict[str, list[Heard]]:
    """The newest messages of some devices, by name, each in the order they came; large ones are left out."""
    found: dict[str, list[Heard]] = {name: [] for name in names}
    parameters = {"names": names, "each": each, "bytes": _LONGEST_SAMPLE}
    for name, first_at, topic, payload in conn.execute(_SAMPLES, parameters):
        found[name].append(Heard(to_micros(first_at), topic, bytes(payload)))
    return found


def waiting_ids(conn: psycopg.Connection, *names: str) -> list[int]:
    """The ids in quarantine of what waits for these devices to be registered, the oldest first."""
    return [int(row[0]) for row in conn.execute(_WAITING, (list(names),)).fetchall()]


def trim(conn: psycopg.Connection, names: int, size: int) -> dict[str, int]:
    """Bound how many devices may wait, and how many bytes of them together.

    Names can be invented, so those with the fewest messages go first, and of these those that
    were silent longest. Returns how many messages went, by account.
    """
    rows = conn.execute(_TRIM, {"names": names, "size": size}).fetchall()
    return dict(Counter(str(row[0]) for row in rows))
