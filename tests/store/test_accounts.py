"""Quarantine, ledger and heartbeats."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from store import devices, inbox, ledger, quarantine, replays, services
from store.ledger import Entry
from store.quarantine import Refusal
from telemetry.errors import NotFoundError
from tests.store.conftest import LOOP

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
    assert quarantine.evict(conn, ["d", "other"], keep=4) == {"d": 6}
    kept = [row.payload for row in quarantine.list_quarantine(conn) if row.device_id == "d"]
    assert kept == [b"9", b"8", b"7", b"6"]
    assert quarantine.count(conn) == 5
    assert quarantine.evict(conn, ["d"], keep=4, keep_bytes=2) == {"d": 2}
    assert quarantine.evict(conn, ["d"], keep=4, keep_bytes=0) == {
        "d": 1
    }  # the newest stays, whatever its size


def test_a_large_payload_is_cut_but_told_apart(conn: psycopg.Connection, copies: bool) -> None:
    if not copies:
        pytest.skip("this server takes messages of less than 64 KiB only")
    large = b"x" * (quarantine.MAX_PAYLOAD + 10)
    assert quarantine.put_refusals(conn, [refusal(large + b"1"), refusal(large + b"2")]) == [True, True]
    assert all(len(row.payload) == quarantine.MAX_PAYLOAD for row in quarantine.list_quarantine(conn))
    assert all(row.cut for row in quarantine.list_quarantine(conn))


def stranger(name: str, payload: bytes, minute: int = 0) -> Refusal:
    at = AT + timedelta(minutes=minute)
    return Refusal(at, "", f"city/traffic/{name}/telemetry", payload, "device", "unknown", claimed=name)


def test_who_is_not_registered_waits_under_the_name_it_gives_itself(conn: psycopg.Connection) -> None:
    devices.upsert_devices(conn, [LOOP])
    twice = stranger("ghost-1", b"2", minute=2)
    quarantine.put_refusals(conn, [stranger("ghost-1", b"1"), twice, twice, stranger("ghost-2", b"1")])
    quarantine.put_refusals(conn, [stranger(LOOP.device_id, b"1"), refusal(b"nameless")])
    one, two = inbox.list_waiting(conn)
    assert (one.name, one.messages, one.deliveries) == ("ghost-1", 2, 3)
    assert (one.first_at, one.last_at) == (AT, AT + timedelta(minutes=2))
    assert one.topic == "city/traffic/ghost-1/telemetry"
    assert (two.name, two.messages) == ("ghost-2", 1)
    assert inbox.find_waiting(conn, "ghost-2") == two
    assert inbox.find_waiting(conn, LOOP.device_id) is None
    newest = inbox.sample_messages(conn, ["ghost-1", "nobody"], each=1)
    assert [message.payload for message in newest["ghost-1"]] == [b"2"]
    assert newest["nobody"] == []
    assert len(inbox.waiting_ids(conn, "ghost-1")) == 2


def test_invented_names_give_way_to_a_device_that_says_more(conn: psycopg.Connection) -> None:
    quarantine.put_refusals(conn, [stranger("real", b"%d" % i, minute=-9) for i in range(3)])
    quarantine.put_refusals(conn, [stranger(f"made-up-{i}", b"x", minute=i) for i in range(10)])
    quarantine.put_refusals(conn, [refusal(b"of a known one", "d")])
    devices.upsert_devices(conn, [replace(LOOP, device_id="d")])
    assert inbox.trim(conn, names=3, size=2**30) == {"": 8}
    assert {waiting.name for waiting in inbox.list_waiting(conn)} == {"real", "made-up-9", "made-up-8"}
    assert inbox.trim(conn, names=3, size=4) == {"": 1}  # three bytes of "real", one of "made-up-9"
    assert quarantine.count(conn) == 5


def test_a_request_shrinks_as_it_is_done(conn: psycopg.Connection) -> None:
    number = replays.request_replay(conn, "ann", [3, 4, 5])
    taken = replays.take_request(conn)
    assert taken == replays.ReplayRequest(number, "ann", [3, 4, 5], None, None, False)
    outcome = replays.Outcome(replayed=1, readings=2, gone=1)
    outcome.refuse(4, "range", "too much")
    replays.note_outcome(conn, number, 2, outcome)
    replay = replays.get_replay(conn, number)
    assert (replay.left_over, replay.done_at) == (1, None)
    taken = replays.take_request(conn)
    assert taken is not None
    assert taken.quarantine_ids == [5]
    replays.note_outcome(conn, number, 1, replays.Outcome(replayed=1))
    replay = replays.get_replay(conn, number)
    assert (replay.left_over, replay.replayed, replay.refused, replay.gone) == (0, 2, 1, 1)
    assert replay.refusals == [{"quarantine_id": 4, "reason": "range", "detail": "too much"}]
    assert replay.done_at is not None
    assert replays.take_request(conn) is None
    assert replays.prune(conn, replay.done_at) == 0
    assert replays.prune(conn, replay.done_at + timedelta(seconds=1)) == 1
    with pytest.raises(NotFoundError):
        replays.get_replay(conn, number)
    with pytest.raises(ValueError, match="one message"):
        replays.request_replay(conn, "ann", [1, 2], payload=b"{}")


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


def test_who_stops_in_order_is_off_the_list_and_takes_nobody_else_along(conn: psycopg.Connection) -> None:
    before, after = services.Service("ingest", 7, "host"), services.Service("ingest", 8, "host")
    services.beat(conn, before)
    services.beat(conn, services.Service("ingest north", 7, "host"))
    services.beat(conn, after)
    services.leave(conn, before)
    assert [(s.name, s.pid) for s, _ in services.list_ingest(conn)] == [("ingest", 8), ("ingest north", 7)]
    services.leave(conn, after)
    assert [s.name for s, _ in services.list_ingest(conn)] == ["ingest north"]
