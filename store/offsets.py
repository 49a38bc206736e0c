"""How far each consumer has read each ingestor's log."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from store.batches import lag

# A shard that has read nothing yet has a snapshot to begin with.
_SHARDS = """
SELECT consumer FROM (SELECT consumer FROM consumer_offset
      UNION SELECT consumer FROM consumer_snapshot) AS known
WHERE consumer = %(name)s OR starts_with(consumer, %(name)s || '/') AND right(consumer, 7) <> '-models'"""
_GET = "SELECT ingestor, seq FROM consumer_offset WHERE consumer = %s"
_SET = """
INSERT INTO consumer_offset (consumer, ingestor, seq) VALUES (%s, %s, %s)
ON CONFLICT (consumer, ingestor) DO UPDATE SET seq = excluded.seq, updated_at = now()"""

_FORGET = "DELETE FROM consumer_offset WHERE consumer = %s"


def get_offsets(conn: psycopg.Connection, consumer: str) -> dict[str, int]:
    """The last ``seq`` a consumer has done, by ingestor."""
    return dict(conn.execute(_GET, (consumer,)).fetchall())


def set_offset(conn: psycopg.Connection, consumer: str, ingestor: str, seq: int) -> None:
    """Record that a consumer has done everything up to ``seq``."""
    conn.execute(_SET, (consumer, ingestor, seq))


def set_offsets(conn: psycopg.Connection, consumer: str, done: Mapping[str, int]) -> None:
    """Record the same of several logs."""
    for ingestor, seq in done.items():
        set_offset(conn, consumer, ingestor, seq)


def forget_offsets(conn: psycopg.Connection, consumer: str) -> None:
    """Forget a consumer that is no more."""
    conn.execute(_FORGET, (consumer,))


def worst_lag(conn: psycopg.Connection, name: str) -> int:
    """How many committed batches a consumer, or the shard of it furthest behind, has not read yet."""
    shards = [str(row[0]) for row in conn.execute(_SHARDS, {"name": name})]
    return max(lag(conn, get_offsets(conn, shard)) for shard in shards or [name])
