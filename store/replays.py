"""Requests to send messages in quarantine through the checks again; ingest does them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from telemetry.errors import NotFoundError

MAX_REFUSALS = 50
"""Refusals of one request that are told in full; the rest are counted."""

_REQUEST = """
INSERT INTO replay_request (actor, quarantine_ids, topic, payload, dry_run)
VALUES (%(actor)s, %(ids)s, %(topic)s, %(payload)s, %(dry_run)s) RETURNING replay_request_id"""

# Two ingest processes never wait for each other here, and a dead one's request is free again.
_TAKE = """
SELECT replay_request_id, actor, quarantine_ids, topic, payload, dry_run FROM replay_request
WHERE done_at IS NULL ORDER BY replay_request_id LIMIT 1 FOR UPDATE SKIP LOCKED"""

_NOTE = """
UPDATE replay_request SET
    quarantine_ids = quarantine_ids[%(tried)s + 1:],
    done_at = CASE WHEN cardinality(quarantine_ids) <= %(tried)s THEN clock_timestamp() END,
    replayed = replayed + %(replayed)s, readings = readings + %(readings)s,
    duplicates = duplicates + %(duplicates)s, refused = refused + %(refused)s, gone = gone + %(gone)s,
    refusals = CASE WHEN jsonb_array_length(refusals) < %(most)s THEN refusals || %(refusals)s
                    ELSE refusals END
WHERE replay_request_id = %(id)s"""

_GET = """
SELECT replay_request_id, requested_at, actor, cardinality(quarantine_ids) AS left_over, dry_run, done_at,
       replayed, readings, duplicates, refused, gone, refusals
FROM replay_request WHERE replay_request_id = %s"""

_PRUNE = "DELETE FROM replay_request WHERE done_at < %s"


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What is left to do of a request; ``topic`` and ``payload`` stand in for those of its one message."""

    replay_request_id: int
    actor: str
    quarantine_ids: list[int]
    topic: str | None
    payload: bytes | None
    dry_run: bool


@dataclass(slots=True)
class Outcome:
    """What came of messages: those that left quarantine, the readings in them, those refused again.

    ``readings`` were stored, ``duplicates`` were known; ``gone`` messages were no longer there.
    """

    replayed: int = 0
    readings: int = 0
    duplicates: int = 0
    refused: int = 0
    gone: int = 0
    refusals: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """``quarantine_id``, ``reason`` and ``detail`` of the first of them."""

    def refuse(self, quarantine_id: int, reason: str, detail: str) -> None:
        """Count a message that was refused again."""
        self.refused += 1
        if len(self.refusals) < MAX_REFUSALS:
            self.refusals.append({"quarantine_id": quarantine_id, "reason": reason, "detail": detail[:500]})


@dataclass(frozen=True, slots=True)
class Replay:
    """A request and how far it is."""

    replay_request_id: int
    requested_at: datetime
    actor: str
    left_over: int
    dry_run: bool
    done_at: datetime | None
    replayed: int
    readings: int
    duplicates: int
    refused: int
    gone: int
    refusals: list[dict[str, Any]]


def request_replay(
    conn: psycopg.Connection,
    actor: str,
    quarantine_ids: Sequence[int],
    *,
    topic: str | None = None,
    payload: bytes | None = None,
    dry_run: bool = False,
) -> int:
    """Ask for messages to be tried again, in this transaction; the request's id.

    ``topic`` and ``payload`` mend a message; there must be one alone then.
    """
    if (topic is not None or payload is not None) and len(quarantine_ids) != 1:
        raise ValueError("one message is mended at a time")
    row = conn.execute(
        _REQUEST,
        {"actor": actor, "ids": list(quarantine_ids), "topic": topic, "payload": payload, "dry_run": dry_run},
    ).fetchone()
    assert row is not None
    return int(row[0])


def take_request(conn: psycopg.Connection) -> ReplayRequest | None:
    """The oldest request that is not done and that no one else has, locked until the commit."""
    with conn.cursor(row_factory=class_row(ReplayRequest)) as cursor:
        return cursor.execute(_TAKE).fetchone()


def note_outcome(conn: psycopg.Connection, replay_request_id: int, tried: int, outcome: Outcome) -> None:
    """Write down what came of the next ``tried`` messages of a request; it is done after the last."""
    values = {
        "id": replay_request_id,
        "tried": tried,
        "replayed": outcome.replayed,
        "readings": outcome.readings,
        "duplicates": outcome.duplicates,
        "refused": outcome.refused,
        "gone": outcome.gone,
        "refusals": Jsonb(outcome.refusals),
        "most": MAX_REFUSALS,
    }
    conn.execute(_NOTE, values)


def get_replay(conn: psycopg.Connection, replay_request_id: int) -> Replay:
    """A request; `NotFoundError` where there is none, or it was done more than a day ago."""
    with conn.cursor(row_factory=class_row(Replay)) as cursor:
        replay = cursor.execute(_GET, (replay_request_id,)).fetchone()
    if replay is None:
        raise NotFoundError("replay", replay_request_id)
    return replay


def prune(conn: psycopg.Connection, before: datetime) -> int:
    """Forget requests that were done before a time; returns how many."""
    return conn.execute(_PRUNE, (before,)).rowcount
