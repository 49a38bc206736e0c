"""The ordered log, offsets, snapshots and locks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from store import batches, offsets, snapshots
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
