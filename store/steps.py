"""The steps of a consumer since its snapshot: what it took from which log, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

_ADD = """
INSERT INTO consumer_step (consumer, ticked, streams, ingestors, seqs, learnt)
VALUES (%(consumer)s, %(ticked)s, %(streams)s, %(ingestors)s, %(seqs)s, %(learnt)s)
RETURNING step"""
_LIST = """
SELECT ticked, streams, ingestors, seqs, learnt FROM consumer_step WHERE consumer = %s ORDER BY step"""
_FORGET = """
DELETE FROM consumer_step WHERE consumer = %(consumer)s AND step <= coalesce(%(last)s, step)"""


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction of a consumer.

    ``ticked`` is how far time had passed before the entries, microseconds, ``None`` for not
    yet; ``streams`` what it took note of before them; ``ingestors`` and ``seqs`` name the
    entries in the order they were taken, none where only time passed. ``learnt`` says that
    the models kept as fresh came into use after all that.
    """

    ticked: int | None
    streams: Sequence[int] = ()
    ingestors: Sequence[str] = ()
    seqs: Sequence[int] = ()
    learnt: bool = False


def add_step(conn: psycopg.Connection, consumer: str, step: Step) -> int:
    """Write a step down, in the transaction that holds its results; returns its number, which grows."""
    row = conn.execute(
        _ADD,
        {
            "consumer": consumer,
            "ticked": step.ticked,
            "streams": list(step.streams),
            "ingestors": list(step.ingestors),
            "seqs": list(step.seqs),
            "learnt": step.learnt,
        },
    ).fetchone()
    assert row is not None  # an insert returns its row
    return int(row[0])


def list_steps(conn: psycopg.Connection, consumer: str) -> list[Step]:
    """Every step since the snapshot, in order."""
    with conn.cursor(row_factory=class_row(Step)) as cursor:
        return cursor.execute(_LIST, (consumer,)).fetchall()


def forget_steps(conn: psycopg.Connection, consumer: str, last: int | None = None) -> None:
    """Forget all, or those up to ``last``: the snapshot saved in the same transaction holds them."""
    conn.execute(_FORGET, {"consumer": consumer, "last": last})
