"""One transaction a flush: readings, log, account and quarantine agree."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from ingest.clocks import ClockWatch
from ingest.message import Message
from ingest.writer import Flushed, Writer
from store import batches, clocks, devices, ledger, pool, quarantine
from telemetry.devices import Device
from telemetry.metrics import Domain
from telemetry.settings import Format, Ingest

DEVICE = Device("loop-1", Domain.TRAFFIC, "loop", "Một", "One", 10.7, 106.7, "760", 10, ("speed_kmh",))


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with pool.connect(database_url, name="test") as conn:
        conn.execute(
            "TRUNCATE ledger, quarantine, replay_request, reading_batch, ingestor, reading, device_status,"
            " stream, device RESTART IDENTITY CASCADE"
        )
        devices.upsert_devices(conn, [DEVICE])
        conn.commit()
        yield conn


@pytest.fixture
def writer(conn: psycopg.Connection) -> Writer:
    return Writer(conn, "test", Ingest(quarantine_per_device=3))


def message(i: int, payload: str | None = None, device_id: str = "loop-1") -> Message:
    now_us = time.time_ns() // 1_000
    ts = 1_795_406_400_000 + i if i else None
    body = payload if payload is not None else f'{{"ts": {ts}, "speed_kmh": {i % 100}}}'
    return Message(
        f"city/traffic/{device_id}/telemetry", body.encode(), max(now_us, 1_795_406_400_000_000), 1, i, 0
    )


def count(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT count(*) FROM reading").fetchone()
    conn.commit()
    return row[0] if row else -1


def test_a_flush_is_readings_log_and_account(writer: Writer, conn: psycopg.Connection) -> None:
    assert writer.write([message(i) for i in range(1, 11)]) == Flushed(10, 10, 0, 0)
    assert count(conn) == 10
    (batch,) = batches.read_after(conn, "test", 0)
    assert (batch.seq, len(batch.readings)) == (1, 10)
    assert ledger.by_device(conn)["loop-1"] == ledger.LedgerTotals(10, 10, 0, 0, 0, 0)


def test_redelivery_changes_nothing_but_the_count_of_duplicates(
    writer: Writer, conn: psycopg.Connection
) -> None:
    writer.write([message(i) for i in range(1, 11)])
    assert writer.write([message(i) for i in range(5, 16)]) == Flushed(11, 5, 6, 0)
    assert count(conn) == 15
    assert [len(b.readings) for b in batches.read_after(conn, "test", 0)] == [10, 5]
    assert writer.write([message(i) for i in range(1, 16)]) == Flushed(15, 0, 15, 0)
    assert batches.heads(conn) == {"test": 2}  # nothing new, no entry in the log
    assert ledger.totals(conn) == ledger.LedgerTotals(36, 15, 21, 0, 0, 0)


def test_a_restarted_writer_goes_on_in_the_log(writer: Writer, conn: psycopg.Connection) -> None:
    writer.write([message(1)])
    Writer(conn, "test", Ingest()).write([message(2)])
    assert [b.seq for b in batches.read_after(conn, "test", 0)] == [1, 2]


def test_bad_messages_are_accounted_for(writer: Writer, conn: psycopg.Connection) -> None:
    bad = [message(0, "{"), message(0, "{", device_id="ghost"), message(0, '{"ts":1795406400001,"pm2_5":1}')]
    assert writer.write([message(1), *bad]) == Flushed(4, 1, 0, 3)
    assert writer.write(bad) == Flushed(3, 0, 0, 3)
    accounts = ledger.by_device(conn)
    assert accounts["loop-1"] == ledger.LedgerTotals(5, 1, 0, 2, 2, 0)
    assert accounts[""] == ledger.LedgerTotals(2, 0, 0, 1, 1, 0)
    assert quarantine.count(conn) == 3


def test_the_quarantine_of_one_device_is_bounded_and_says_so(
    writer: Writer, conn: psycopg.Connection
) -> None:
    writer.write([message(0, f"bad {i}") for i in range(8)])
    assert quarantine.count(conn) == 3
    assert ledger.by_device(conn)["loop-1"].evicted == 5


def test_a_device_registered_a_moment_ago_is_known(writer: Writer, conn: psycopg.Connection) -> None:
    devices.upsert_devices(conn, [replace(DEVICE, device_id="loop-2")])
    conn.commit()
    assert writer.write([message(1, device_id="loop-2")]) == Flushed(1, 1, 0, 0)


def test_a_message_the_store_refuses_is_found_and_set_aside(writer: Writer, conn: psycopg.Connection) -> None:
    # A value the decoder passes and the table does not: the last line of defence.
    conn.execute("ALTER TABLE reading ADD CONSTRAINT no_42 CHECK (value <> 42)")
    conn.commit()
    try:
        assert writer.write([message(i) for i in range(30, 60)]) == Flushed(30, 29, 0, 1)
    finally:
        conn.rollback()
        conn.execute("ALTER TABLE reading DROP CONSTRAINT no_42")
        conn.commit()
    (kept,) = quarantine.list_quarantine(conn)
    assert kept.reason == "store"
    assert b'"speed_kmh": 42' in kept.payload
    assert count(conn) == 29


def test_a_failed_flush_leaves_nothing_behind(
    writer: Writer, conn: psycopg.Connection, database_url: str
) -> None:
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE ledger")  # the flush waits here, its readings already copied
        row = conn.execute("SELECT pg_backend_pid()").fetchone()
        conn.commit()
        failed: list[Exception] = []

        def write() -> None:
            try:
                writer.write([message(1)])
            except psycopg.OperationalError as error:
                failed.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        waiting = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        deadline = time.monotonic() + 60
        while other.execute(waiting, row).fetchone() is None:
            assert time.monotonic() < deadline, "the flush never reached the ledger"
        other.execute("SELECT pg_terminate_backend(%s)", row)
        thread.join(60)
    assert failed
    with pool.connect(database_url, name="test") as fresh:
        assert count(fresh) == 0
        assert batches.heads(fresh) == {}
        assert Writer(fresh, "test", Ingest()).write([message(1)]) == Flushed(1, 1, 0, 0)


def test_a_message_for_several_devices_is_accounted_for_by_device(conn: psycopg.Connection) -> None:
    devices.upsert_devices(conn, [replace(DEVICE, device_id="loop-2")])
    conn.commit()
    writer = Writer(conn, "test", Ingest(formats=(Format("packs", "senml_json"),)))
    pack = b'[{"bn":"loop-1/","n":"speed_kmh","v":10},{"bn":"loop-2/","n":"speed_kmh","u":"m/s","v":10}]'
    packed = Message("packs", pack, time.time_ns() // 1_000, 1, 1, 0)
    assert writer.write([packed]) == Flushed(1, 2, 0, 0)
    accounts = ledger.by_device(conn)
    assert (accounts["loop-1"].messages, accounts["loop-1"].committed) == (1, 1)
    assert (accounts["loop-2"].messages, accounts["loop-2"].committed) == (0, 1)


def test_clock_offsets_are_written_down_and_found(conn: psycopg.Connection) -> None:
    watch = ClockWatch(every_s=60)
    Writer(conn, "test", Ingest(), clocks=watch).write(
        [replace(message(i), received_at=(1_795_406_400_000 + i + 2_000) * 1_000) for i in range(1, 9)]
    )
    due = watch.due(0.0)
    clocks.put_clocks(conn, [*due, replace(due[0], device_id="ghost")])
    clocks.put_clocks(conn, due)
    conn.commit()
    found = clocks.find_clock(conn, "loop-1")
    assert found == due[0]
    assert found.offset_s == pytest.approx(-2.0)
    assert clocks.list_clocks(conn, least_s=1.0) == due
    assert clocks.list_clocks(conn, least_s=3.0) == []
    assert clocks.find_clock(conn, "ghost") is None
