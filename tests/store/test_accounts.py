"""Quarantine, ledger and heartbeats."""

from __future__ import annotations

from datetime import UTC, date, datetime

import psycopg
import pytest

from store import ledger, quarantine, services
from store.ledger import Entry
from store.quarantine import Refusal

AT = datetime(2026, 11, 23, 4, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\x00"


def refusal(payload: bytes, device_id: str = "") -> Refusal:
    return Refusal(AT, device_id, HOSTILE, payload, "json", HOSTILE)


def test_a_message_is_kept_once_however_often_it_comes(conn: psycopg.Connection) -> None:
    assert quarantine.put_refusals(conn, [refusal(b"\xff\x00"), refusal(b"x")]) == [True, True]
    assert quarantine.put_refusals(conn, [refusal(b"\xff\x00")]) == [False]
    newest, oldest = quarantine.list_quarantine(conn)
    assert (oldest.payload, oldest.deliveries, newest.deliveries) == (b"\xff\x00", 2, 1)
    assert "\x00" not in oldest.topic
    assert "<script>" in oldest.detail  # kept as it came; escaping is the screen's part
    assert quarantine.count(conn) == 2


def test_one_device_cannot_fill_the_quarantine(conn: psycopg.Connection) -> None:
    quarantine.put_refusals(conn, [refusal(b"%d" % i, "d") for i in range(10)] + [refusal(b"other")])
    assert quarantine.evict(conn, "d", keep=4) == 6
    kept = [row.payload for row in quarantine.list_quarantine(conn) if row.device_id == "d"]
    assert kept == [b"9", b"8", b"7", b"6"]
    assert quarantine.count(conn) == 5


def test_a_large_payload_is_cut_but_told_apart(conn: psycopg.Connection, copies: bool) -> None:
    if not copies:
        pytest.skip("this server takes messages of less than 64 KiB only")
    large = b"x" * (quarantine.MAX_PAYLOAD + 10)
    assert quarantine.put_refusals(conn, [refusal(large + b"1"), refusal(large + b"2")]) == [True, True]
    assert all(len(row.payload) == quarantine.MAX_PAYLOAD for row in quarantine.list_quarantine(conn))


def test_the_ledger_adds_up(conn: psycopg.Connection) -> None:
    day = date(2026, 11, 23)
    ledger.add_entries(conn, "a", day, {"d1": Entry(3, 5, 1), "": Entry(messages=1, quarantined=1)})
    ledger.add_entries(conn, "a", day, {"d1": Entry(2, 4), "d2": Entry(1, 1)})
    ledger.add_entries(conn, "b", date(2026, 11, 24), {"d1": Entry(1, 1, evicted=2)})
    ledger.add_entries(conn, "b", day, {})
    assert ledger.totals(conn) == ledger.LedgerTotals(8, 11, 1, 1, 0, 2)
    assert ledger.by_device(conn)["d1"] == ledger.LedgerTotals(6, 10, 1, 0, 0, 2)


def test_a_heartbeat_keeps_its_start_until_the_process_is_another(conn: psycopg.Connection) -> None:
    services.beat(conn, services.Service("ingest", 7, "host", {"n": 1}))
    (first,) = services.list_services(conn)
    services.beat(conn, services.Service("ingest", 7, "host", {"n": 2}))
    (second,) = services.list_services(conn)
    services.beat(conn, services.Service("ingest", 8, "host"))
    (third,) = services.list_services(conn)
    assert first.started_at == second.started_at
    assert second.detail == {"n": 2}
    assert first.seen_at is not None
    assert second.seen_at is not None
    assert first.seen_at < second.seen_at
    assert third.started_at is not None
    assert second.started_at is not None
    assert third.started_at > second.started_at
