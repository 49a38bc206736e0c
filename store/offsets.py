"""How far each consumer has read each ingestor's log."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

_GET = "SELECT ingestor, seq FROM consumer_offset WHERE consumer = %s"
_SET = """
INSERT INTO consumer_offset (consumer, ingestor, seq) VALUES (%s, %s, %s)
ON CONFLICT (consumer, ingestor) DO UPDATE SET seq = excluded.seq, updated_at = now()"""


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
