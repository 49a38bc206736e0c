"""Replay: what waited becomes readings, once, by the checks of live messages; the account adds up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from ingest.message import Message
from ingest.replay import Replayer
from ingest.writer import Writer
from store import batches, devices, inbox, ledger, pool, quarantine, replays
from telemetry.codecs.sparkplug_messages import payload_class
from telemetry.devices import Device
from telemetry.formats import Formats
from telemetry.metrics import Domain
from telemetry.readings import Quality
from telemetry.settings import Format, Ingest

LOOP = Device("loop-1", Domain.TRAFFIC, "loop", "Một", "One", 10.7, 106.7, "760", 10, ("speed_kmh",))
GHOST = replace(LOOP, device_id="ghost-1")
THEN_MS = 1_760_000_000_000
"""When the messages came: longer ago than a live message may be old."""
LIMITS = Ingest(formats=(Format("spBv1.0/city/#", "sparkplug_b"),), inbox_names=5)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with pool.connect(database_url, name="test") as conn:
        conn.execute(
            "TRUNCATE ledger, quarantine, replay_request, reading_batch, ingestor, reading, device_status,"
            " stream, device RESTART IDENTITY CASCADE"
        )
        devices.upsert_devices(conn, [LOOP])
        conn.commit()
        yield conn


@pytest.fixture
def writer(conn: psycopg.Connection) -> Writer:
    return Writer(conn, "test", LIMITS)


def message(
    body: object, device_id: str = "ghost-1", at_ms: int = THEN_MS, leaf: str = "telemetry"
) -> Message:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Message(f"city/traffic/{device_id}/{leaf}", payload, at_ms * 1_000, 1, 1, 0)


def ask(conn: psycopg.Connection, ids: list[int] | None = None, **mend: object) -> int:
    with conn.transaction():
        chosen = quarantine.find_ids(conn, 1_000) if ids is None else ids
        return replays.request_replay(conn, "ann", chosen, **mend)  # type: ignore[arg-type]


def do(writer: Writer, number: int, chunk: int = 500) -> replays.Replay:
    replayer = Replayer(writer, chunk)
    while replayer.do_some():
        pass
    with writer.conn.transaction():
        return replays.get_replay(writer.conn, number)


def rows(conn: psycopg.Connection) -> list[tuple[int, float, int]]:
    found = conn.execute(
        "SELECT (extract(epoch FROM time) * 1000)::bigint, value, quality FROM reading ORDER BY time, value"
    ).fetchall()
    conn.commit()
    return found


def adds_up(conn: psycopg.Connection, published: int) -> None:
    """Distinct single-reading messages: committed, still in quarantine, or let go and counted."""
    for device_id, account in ledger.by_device(conn).items():
        still = conn.execute("SELECT count(*) FROM quarantine WHERE device_id = %s", (device_id,)).fetchone()
        assert still is not None
        left = account.evicted + account.replayed + account.dropped
        assert account.quarantined == still[0] + left, device_id
    total = ledger.totals(conn)
    assert published == total.committed + quarantine.count(conn) + total.evicted + total.dropped
    conn.commit()


def test_what_waited_for_a_device_becomes_its_readings_judged_by_when_it_came(
    writer: Writer, conn: psycopg.Connection
) -> None:
    late_ms = THEN_MS - 3_600_000
    writer.write(
        [
            message({"ts": THEN_MS, "speed_kmh": 31}),
            message({"ts": late_ms, "speed_kmh": 30}),
            message({"speed_kmh": 32}, at_ms=THEN_MS + 5),
            message({"ts": THEN_MS - 40 * 86_400_000, "speed_kmh": 9}),
            message(b"online", leaf="status"),
        ]
    )
    with conn.transaction():
        devices.upsert_devices(conn, [GHOST])
    replay = do(writer, ask(conn))
    assert rows(conn) == [
        (late_ms, 30.0, Quality.LATE),
        (THEN_MS, 31.0, Quality.GOOD),
        (THEN_MS + 5, 32.0, Quality.ARRIVAL_TIME),
    ]
    assert (replay.replayed, replay.readings, replay.refused) == (4, 3, 1)
    (kept,) = quarantine.list_quarantine(conn)
    assert (kept.reason, kept.claimed) == ("time", "ghost-1")
    assert devices.list_statuses(conn) == {"ghost-1": "online"}
    # Analytics scores it: it is in the log of the ingestor that did it.
    (batch,) = batches.read_after(conn, "test", 0)
    assert len(batch.readings) == 3
    accounts = ledger.by_device(conn)
    assert (accounts[""].quarantined, accounts[""].replayed) == (5, 4)
    assert (accounts["ghost-1"].committed, accounts["ghost-1"].messages) == (3, 0)
    assert writer.write([message({"ts": THEN_MS, "speed_kmh": 31})]).duplicates == 1


def test_an_old_status_is_not_said_over_a_new_one(writer: Writer, conn: psycopg.Connection) -> None:
    writer.write([message(b"offline", leaf="status")])
    with conn.transaction():
        devices.upsert_devices(conn, [GHOST])
    writer.write([message(b"online", leaf="status", at_ms=THEN_MS + 1)])
    assert do(writer, ask(conn)).replayed == 1
    assert devices.list_statuses(conn) == {"ghost-1": "online"}


def test_killed_half_way_it_goes_on_and_nothing_is_done_twice(
    writer: Writer, conn: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = 25
    writer.write([message({"ts": THEN_MS + i, "speed_kmh": i}) for i in range(n)])
    with conn.transaction():
        devices.upsert_devices(conn, [GHOST])
    number = ask(conn)
    assert Replayer(writer, 10).do_some()
    with pool.connect(database_url, name="dies") as dying:
        half = Writer(dying, "test", LIMITS)
        # The server dies after the readings were stored and the messages taken out, before the commit.
        note = replays.note_outcome

        def die(*_: object) -> None:
            assert quarantine.count(dying) == n - 20
            conn.execute("SELECT pg_terminate_backend(%s)", (dying.info.backend_pid,))
            conn.commit()
            note(dying, number, 10, replays.Outcome())

        monkeypatch.setattr(replays, "note_outcome", die)
        with pytest.raises(psycopg.OperationalError):
            Replayer(half, 10).do_some()
        monkeypatch.undo()
    assert len(rows(conn)) == 10  # those of the first ten; the second ten were undone
    replay = do(Writer(conn, "test", LIMITS), number, chunk=10)
    assert (replay.replayed, replay.readings, replay.duplicates) == (n, n, 0)
    assert [row[0] for row in rows(conn)] == [THEN_MS + i for i in range(n)]
    assert [len(b.readings) for b in batches.read_after(conn, "test", 0)] == [10, 10, 5]
    adds_up(conn, n)


def test_a_mended_message_is_stored_and_one_mended_badly_stays_as_it_came(
    writer: Writer, conn: psycopg.Connection
) -> None:
    writer.write([message({"ts": THEN_MS, "speed": 31}, "loop-1")])
    (number,) = quarantine.find_ids(conn, 10)
    bad = do(writer, ask(conn, [number], payload=b'{"ts": 5, "speed_kmh": 31}'))
    assert [refusal["reason"] for refusal in bad.refusals] == ["time"]
    (kept,) = quarantine.list_quarantine(conn)
    assert (kept.reason, kept.payload) == ("metric", b'{"ts": 1760000000000, "speed": 31}')
    good = do(writer, ask(conn, [number], payload=b'{"ts": 1760000000000, "speed_kmh": 31}'))
    assert (good.replayed, good.readings) == (1, 1)
    again = do(writer, ask(conn, [number], payload=b'{"ts": 1760000000000, "speed_kmh": 31}'))
    assert (again.replayed, again.gone) == (0, 1)
    adds_up(conn, 1)


def test_trying_alone_changes_nothing(writer: Writer, conn: psycopg.Connection) -> None:
    writer.write([message({"ts": THEN_MS, "speed_kmh": 31}), message(b"{", "loop-1")])
    with conn.transaction():
        devices.upsert_devices(conn, [GHOST])
    replay = do(writer, ask(conn, dry_run=True))
    assert (replay.replayed, replay.readings, replay.refused) == (1, 1, 1)
    assert rows(conn) == []
    assert quarantine.count(conn) == 2
    # The place in the log was given back.
    assert writer.write([message({"ts": THEN_MS, "speed_kmh": 1}, "loop-1")]).committed == 1
    assert [batch.seq for batch in batches.read_after(conn, "test", 0)] == [1]
    adds_up(conn, 3)


def test_one_that_the_store_refuses_does_not_hold_up_the_others(
    writer: Writer, conn: psycopg.Connection
) -> None:
    writer.write([message({"ts": THEN_MS + i, "speed_kmh": 40 + i}) for i in range(5)])
    with conn.transaction():
        devices.upsert_devices(conn, [GHOST])
        conn.execute("ALTER TABLE reading ADD CONSTRAINT no_42 CHECK (value <> 42)")
    try:
        replay = do(writer, ask(conn))
    finally:
        with conn.transaction():
            conn.execute("ALTER TABLE reading DROP CONSTRAINT no_42")
    assert (replay.replayed, replay.refused) == (4, 1)
    assert [refusal["reason"] for refusal in replay.refusals] == ["store"]
    adds_up(conn, 5)


def test_old_births_do_not_stand_in_for_new_ones(conn: psycopg.Connection) -> None:
    formats = Formats(LIMITS.formats)
    writer = Writer(conn, "test", LIMITS, formats)

    def spark(kind: str, seq: int, **metric: object) -> Message:
        at_ms = THEN_MS + seq
        body = payload_class()(timestamp=at_ms, seq=seq, metrics=[metric]).SerializeToString()
        return Message(f"spBv1.0/city/{kind}/ghost-1", body, at_ms * 1_000, 1, 1, 0)

    old = spark("NBIRTH", 0, name="speed_kmh", alias=1, datatype=10, double_value=1.0)
    writer.write([old])
    with conn.transaction():
        devices.upsert_devices(conn, [GHOST])
    writer.write([spark("NBIRTH", 3, name="speed_kmh", alias=2, datatype=10, double_value=2.0)])
    assert do(writer, ask(conn)).replayed == 1
    writer.write([spark("NDATA", 4, alias=2, double_value=3.0)])
    assert [row[1] for row in rows(conn)] == [1.0, 2.0, 3.0]
    assert formats.requests(THEN_MS) == []


def test_invented_names_are_bounded_and_counted(writer: Writer, conn: psycopg.Connection) -> None:
    for i in range(40):
        writer.write([message({"speed_kmh": 1}, f"made-up-{i}")])
    assert len(inbox.list_waiting(conn)) <= LIMITS.inbox_names + LIMITS.inbox_names // 5 + 1
    assert ledger.by_device(conn)[""].evicted >= 33
    adds_up(conn, 40)


def test_a_message_that_names_two_strangers_waits_for_one_after_the_other(conn: psycopg.Connection) -> None:
    writer = Writer(conn, "test", Ingest(formats=(Format("packs", "senml_json"),)))
    pack = b'[{"bn":"ghost-1/","n":"speed_kmh","v":10},{"bn":"ghost-2/","n":"speed_kmh","v":20}]'
    writer.write([Message("packs", pack, THEN_MS * 1_000, 1, 1, 0)])
    assert [waiting.name for waiting in inbox.list_waiting(conn)] == ["ghost-1"]
    with conn.transaction():
        devices.upsert_devices(conn, [GHOST])
    assert do(writer, ask(conn)).refused == 1
    assert [waiting.name for waiting in inbox.list_waiting(conn)] == ["ghost-2"]
    with conn.transaction():
        devices.upsert_devices(conn, [replace(GHOST, device_id="ghost-2")])
    replay = do(writer, ask(conn))
    assert (replay.replayed, replay.readings, replay.duplicates) == (1, 1, 1)
    assert quarantine.count(conn) == 0
    assert inbox.list_waiting(conn) == []
