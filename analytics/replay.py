"""Replaying the log: a live engine's memory comes to be what it was, and nothing is told again."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from analytics.engine import Counts
from analytics.live import LiveEngine
from analytics.memory import Models
from store import batches, steps
from store.steps import Step


def replay(conn: psycopg.Connection, engine: LiveEngine, until: Mapping[str, int]) -> int:
    """Move memory past entries whose results were committed before, up to these offsets.

    Step by step as it was done; what older software did without writing its steps down
    follows in the order of commit. Returns how many entries they were. Their findings
    are suppressed.

    Raises
    ------
    ValueError
        An entry is gone from the log, or the models that a step took up are.
    """
    counts, replayed = engine.core.counts, 0
    engine.core.counts = Counts()
    for step in steps.list_steps(conn, engine.shard.consumer):
        replayed += _retrace(conn, engine, step)
    while fresh := engine.read(conn, until):
        replayed += len(fresh)
        engine.meet(conn, fresh)
        engine.score_all(fresh)
    engine.core.counts = counts
    return replayed


def _retrace(conn: psycopg.Connection, engine: LiveEngine, step: Step) -> int:
    if step.ticked is not None:
        engine.core.tick(step.ticked + 1)
    if step.streams:
        engine.reload(conn, set(step.streams))
    wanted: dict[str, list[int]] = {}
    places = list(zip(step.ingestors, step.seqs, strict=True))
    for ingestor, seq in places:
        wanted.setdefault(ingestor, []).append(seq)
    entries = {
        (batch.ingestor, batch.seq): batch
        for ingestor, seqs in wanted.items()
        for batch in batches.read_after(conn, ingestor, min(seqs) - 1, len(seqs))
    }
    for ingestor, seq in places:
        if (ingestor, seq) not in entries:
            raise ValueError(f"entry {seq} of {ingestor} is gone from the log")
    if places:
        engine.score_all([entries[place] for place in places])
    if step.learnt:
        engine.use(Models.fresh(conn, engine.shard))
    return len(places)
