"""The ordered log of committed readings: one row a flush, read past an offset."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import psycopg

from store.arrays import Float8, Int2, Int4, Int8
from telemetry.readings import Batch, Readings

CHANNEL = "reading_batch"

_APPEND = """
WITH log AS (
    INSERT INTO ingestor (ingestor, last_seq) VALUES (%(ingestor)s, %(seq)s)
    ON CONFLICT (ingestor) DO UPDATE SET last_seq = excluded.last_seq
    WHERE ingestor.last_seq < excluded.last_seq
    RETURNING 1
), entry AS (
    INSERT INTO reading_batch (ingestor, seq, n, stream_ids, times, "values", qualities)
    SELECT %(ingestor)s, %(seq)s, %(n)s, %(ids)s, %(times)s, %(values)s, %(qualities)s FROM log
    RETURNING 1
)
SELECT pg_notify('reading_batch', %(ingestor)s || ':' || %(seq)s) FROM entry"""

_READ_AFTER = """
SELECT ingestor, seq, committed_at, stream_ids, times, "values", qualities FROM (
    SELECT *, sum(n) OVER (ORDER BY seq) - n AS before FROM reading_batch
    WHERE ingestor = %s AND seq > %s ORDER BY seq LIMIT %s
) AS entry WHERE before < coalesce(%s, before + 1) ORDER BY seq"""

_HEADS = "SELECT ingestor, last_seq FROM ingestor"
_TAILS = "SELECT ingestor, min(seq) FROM reading_batch GROUP BY ingestor"
_CLOCK = "SELECT clock_timestamp()"
_COMMITTED_AT = """
SELECT max(committed_at) FROM reading_batch
JOIN unnest(%s::text[], %s::bigint[]) AS place (ingestor, seq) USING (ingestor, seq)"""
_PRUNE = "DELETE FROM reading_batch WHERE committed_at < %s"
# By the clock that wrote `committed_at`: one of another machine may be days ahead.
_EXPIRE = """
DELETE FROM reading_batch AS log WHERE committed_at < clock_timestamp() - %(kept)s
AND (committed_at < clock_timestamp() - %(held)s
     OR NOT EXISTS (SELECT FROM consumer_offset AS reader
                    WHERE reader.ingestor = log.ingestor AND reader.seq < log.seq))"""


def append_batch(conn: psycopg.Connection, ingestor: str, seq: int, readings: Readings) -> None:
    """Append one flush to an ingestor's log and wake those who wait for it.

    Raises
    ------
    psycopg.errors.UniqueViolation
        ``seq`` was used already: another process writes under the same name.
    """
    parameters = {
        "ingestor": ingestor,
        "seq": seq,
        "n": len(readings),
        "ids": Int4(readings.stream_ids),
        "times": Int8(readings.times),
        "values": Float8(readings.values),
        "qualities": Int2(readings.qualities),
    }
    if conn.execute(_APPEND, parameters).fetchone() is None:
        raise psycopg.errors.UniqueViolation(f"{ingestor!r} is past seq {seq} already")


def read_after(
    conn: psycopg.Connection, ingestor: str, seq: int, limit: int = 100, most: int | None = None
) -> list[Batch]:
    """Up to ``limit`` entries of an ingestor's log after ``seq``, in order.

    At least one, if there is one, and past that none once they hold ``most`` readings.
    """
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(_READ_AFTER, (ingestor, seq, limit, most)).fetchall()
    return [Batch(row[0], row[1], row[2], Readings.of(*row[3:])) for row in rows]


def heads(conn: psycopg.Connection) -> dict[str, int]:
    """The last ``seq`` of every ingestor's log."""
    return dict(conn.execute(_HEADS).fetchall())


def tails(conn: psycopg.Connection) -> dict[str, int]:
    """The first ``seq`` still kept of every ingestor's log."""
    return dict(conn.execute(_TAILS).fetchall())


def clock(conn: psycopg.Connection) -> datetime:
    """The clock that stamps entries."""
    row = conn.execute(_CLOCK).fetchone()
    assert row is not None  # a clock always answers
    return row[0]


def committed_at(conn: psycopg.Connection, offsets: Mapping[str, int]) -> datetime | None:
    """When the newest of these entries was committed; ``None`` where none of them is kept."""
    row = conn.execute(_COMMITTED_AT, (list(offsets), list(offsets.values()))).fetchone()
    return row[0] if row else None


def lag(conn: psycopg.Connection, offsets: Mapping[str, int]) -> int:
    """How many committed batches a consumer at ``offsets`` has not read yet."""
    return sum(max(0, head - offsets.get(name, 0)) for name, head in heads(conn).items())


def prune(conn: psycopg.Connection, before: datetime) -> int:
    """Forget entries committed before a time; returns how many."""
    return conn.execute(_PRUNE, (before,)).rowcount


def expire(conn: psycopg.Connection, kept: timedelta, held: timedelta) -> int:
    """Forget entries older than ``kept`` by the database's own clock; returns how many.

    What a consumer has yet to read is kept for it, for ``held`` at most.
    """
    return conn.execute(_EXPIRE, {"kept": kept, "held": max(kept, held)}).rowcount


def listen(conn: psycopg.Connection) -> None:
    """Listen for new entries; then wait with ``conn.notifies(timeout=…)``.

    The connection must be in autocommit, or the notices stay behind its transaction.
    """
    conn.execute(f"LISTEN {CHANNEL}")
