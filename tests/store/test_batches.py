"""The ordered log, offsets, snapshots and locks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from store import batches, locks, offsets, snapshots, steps
from store.steps import Step
from telemetry.readings import Readings

BATCH = Readings.of([3, 1, 2], [30, 10, 20], [0.3, -0.1, 1e300], [0, 1, 2])


def test_the_log_is_read_in_order_past_an_offset(conn: psycopg.Connection) -> None:
    for seq in (1, 2, 3):
        batches.append_batch(conn, "a", seq, BATCH)
    batches.append_batch(conn, "b", 1, BATCH)
    read = batches.read_after(conn, "a", 1)
    assert [(b.ingestor, b.seq) for b in read] == [("a", 2), ("a", 3)]
    assert [b.seq for b in batches.read_after(conn, "a", 0, limit=2)] == [1, 2]
    for name in ("stream_ids", "times", "values", "qualities"):
        np.testing.assert_array_equal(getattr(read[0].readings, name), getattr(BATCH, name))
    assert batches.heads(conn) == {"a": 3, "b": 1}
    assert batches.lag(conn, {"a": 1}) == 3


def test_an_empty_batch_survives(conn: psycopg.Connection) -> None:
    batches.append_batch(conn, "a", 1, Readings.of([], [], []))
    (batch,) = batches.read_after(conn, "a", 0)
    assert len(batch.readings) == 0


def test_a_seq_is_used_once_even_after_pruning(conn: psycopg.Connection) -> None:
    batches.append_batch(conn, "a", 5, BATCH)
    assert batches.prune(conn, datetime.now(UTC) + timedelta(minutes=1)) == 1
    assert batches.read_after(conn, "a", 0) == []
    assert batches.heads(conn) == {"a": 5}
    assert batches.tails(conn) == {}
    with pytest.raises(psycopg.errors.UniqueViolation):
        batches.append_batch(conn, "a", 5, BATCH)


def test_offsets_are_kept_by_consumer_and_ingestor(conn: psycopg.Connection) -> None:
    assert offsets.get_offsets(conn, "analytics") == {}
    offsets.set_offset(conn, "analytics", "a", 3)
    offsets.set_offset(conn, "analytics", "a", 4)
    offsets.set_offset(conn, "other", "a", 9)
    assert offsets.get_offsets(conn, "analytics") == {"a": 4}


def test_a_snapshot_is_replaced_whole(conn: psycopg.Connection) -> None:
    assert snapshots.load_snapshot(conn, "analytics") is None
    snapshots.save_snapshot(conn, "analytics", {"a": 1}, b"\x00old")
    snapshots.save_snapshot(conn, "analytics", {"a": 2, "b": 7}, b"\x00new")
    snapshot = snapshots.load_snapshot(conn, "analytics")
    assert snapshot is not None
    assert (snapshot.offsets, snapshot.state) == ({"a": 2, "b": 7}, b"\x00new")


def test_what_a_consumer_has_yet_to_read_is_kept_for_it_for_a_while(conn: psycopg.Connection) -> None:
    for seq in range(1, 7):
        batches.append_batch(conn, "ingest-1", seq, Readings.of([1], [seq], [1.0]))
    age = "UPDATE reading_batch SET committed_at = clock_timestamp() - %s * interval '1 day' WHERE seq = %s"
    for seq, days in ((1, 5), (2, 5), (3, 2), (4, 2), (5, 2), (6, 0)):
        conn.execute(age, (days, seq))
    offsets.set_offset(conn, "analytics", "ingest-1", 6)
    offsets.set_offset(conn, "analytics/1of2", "ingest-1", 3)
    assert batches.expire(conn, timedelta(days=1), timedelta(days=3)) == 3
    assert [batch.seq for batch in batches.read_after(conn, "ingest-1", 0)] == [4, 5, 6]
    offsets.set_offset(conn, "analytics/1of2", "ingest-1", 6)
    assert batches.expire(conn, timedelta(days=1), timedelta(days=3)) == 2


def test_locks_tell_who_holds_them(conn: psycopg.Connection) -> None:
    assert locks.holders(conn, ["a", "b"]) == {"a": [], "b": []}
    assert locks.try_lock(conn, "a")
    locks.share_lock(conn, "b")
    me = [locks.own_pid(conn)]
    assert locks.holders(conn, ["a", "b"]) == {"a": me, "b": me}
    locks.let_go(conn, "a")
    assert locks.holders(conn, ["a"]) == {"a": []}


def test_steps_are_kept_in_order_until_they_are_forgotten(conn: psycopg.Connection) -> None:
    made = [Step(None, [3], ["a", "b"], [1, 1]), Step(7), Step(9, [], ["b"], [2], learnt=True)]
    numbers = [steps.add_step(conn, "analytics", step) for step in made]
    assert numbers == sorted(set(numbers))
    steps.add_step(conn, "analytics/1of2", Step(1))
    read = steps.list_steps(conn, "analytics")
    assert [(s.ticked, s.streams, s.ingestors, s.seqs, s.learnt) for s in read] == [
        (None, [3], ["a", "b"], [1, 1], False), (7, [], [], [], False), (9, [], ["b"], [2], True)
    ]  # fmt: skip
    steps.forget_steps(conn, "analytics", numbers[1])
    assert [step.ticked for step in steps.list_steps(conn, "analytics")] == [9]
    steps.forget_steps(conn, "analytics")
    assert steps.list_steps(conn, "analytics") == []
    assert len(steps.list_steps(conn, "analytics/1of2")) == 1
