"""``cityops quarantine`` and ``cityops device``: looking, mending, replaying, dropping, adopting."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingest.message import Message
from ingest.replay import Replayer
from ingest.writer import Writer
from store import audit, devices, ledger, pool, quarantine
from telemetry.devices import Device
from telemetry.metrics import Domain
from telemetry.settings import Ingest
from tests.launch.test_cli import cityops

LOOP = Device(
    "loop-1", Domain.TRAFFIC, "loop", "Một", "One", 10.7, 106.7, "760", 10, ("speed_kmh", "flow_vph")
)
THEN_MS = 1_760_000_000_000


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with pool.connect(database_url, name="test", autocommit=True) as conn:
        conn.execute(
            "TRUNCATE ledger, quarantine, replay_request, reading_batch, ingestor, reading, device_clock,"
            " device_status, stream, device RESTART IDENTITY CASCADE"
        )
        devices.upsert_devices(conn, [LOOP])
        yield conn


@pytest.fixture
def ingest(database_url: str, conn: psycopg.Connection) -> Iterator[Writer]:
    """A writer that does replays in a thread of its own, as ingest would."""
    stop = threading.Event()
    with pool.connect(database_url, name="ingest") as own, pool.connect(database_url, name="feed") as other:

        def serve() -> None:
            replayer = Replayer(Writer(own, "replaying", Ingest()))
            while not stop.is_set():
                if not replayer.do_some():
                    stop.wait(0.05)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Writer(other, "live", Ingest())
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def message(body: object, device_id: str = "loop-1", after_s: int = 0) -> Message:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    at_us = (THEN_MS + after_s * 1_000) * 1_000
    return Message(f"city/traffic/{device_id}/telemetry", payload, at_us, 1, 1, 0)


def run(url: str, folder: Path, *arguments: str) -> Any:
    return cityops(*arguments, folder=folder, DATABASE_URL=url)


def ids(conn: psycopg.Connection) -> list[str]:
    return [str(number) for number in quarantine.find_ids(conn, 100)]


def test_what_waits_is_adopted_in_one_step(
    database_url: str, tmp_path: Path, conn: psycopg.Connection, ingest: Writer
) -> None:
    ingest.write(
        [
            message({"ts": THEN_MS + i * 20_100, "speed_kmh": 30 + i, "typo": 1}, "ghost-1", i * 20)
            for i in range(4)
        ]
    )
    (waiting,) = json.loads(run(database_url, tmp_path, "device", "waiting", "--json").stdout)
    assert (waiting["name"], waiting["messages"]) == ("ghost-1", 4)
    assert waiting["guess"] == {
        "domain": "traffic",
        "kind": "loop",
        "metrics": ["speed_kmh"],
        "interval_s": 20.0,
        "left_out": ["typo"],
    }
    assert "ghost-1" in run(database_url, tmp_path, "device", "waiting").stdout
    done = run(
        database_url,
        tmp_path,
        "device",
        "adopt",
        "ghost-1",
        "--name-vi",
        "Ma",
        "--lat",
        "10.75",
        "--lon",
        "106.67",
    )
    assert done.returncode == 0, done.stderr
    assert "Registered ghost-1 (traffic, loop, every 20 s: speed_kmh)" in done.stdout
    assert "cityops device rotate ghost-1" in done.stdout
    adopted = devices.get_device(conn, "ghost-1")
    assert (adopted.name_vi, adopted.name_en, adopted.lat, adopted.lon) == ("Ma", "Ma", 10.75, 106.67)
    assert adopted.zone == "774"  # the former District 5
    assert ledger.by_device(conn)["ghost-1"].committed == 4
    entry = audit.list_entries(conn, 1)[0]
    assert (entry.action, entry.object) == ("device.adopt", "ghost-1")
    again = run(database_url, tmp_path, "device", "adopt", "ghost-1")
    assert again.returncode == 2
    assert "no device in the inbox 'ghost-1'" in again.stderr


def test_messages_are_listed_shown_mended_and_dropped(
    database_url: str, tmp_path: Path, conn: psycopg.Connection, ingest: Writer
) -> None:
    ingest.write([message(b"\x1b[2J\x00<b>"), message({"ts": THEN_MS, "speed": 31}), message(b"{")])
    listed = run(database_url, tmp_path, "quarantine", "list", "--reason", "metric", "--json")
    (row,) = json.loads(listed.stdout)
    assert row["payload"] == '{"ts": 1760000000000, "speed": 31}'
    table = run(database_url, tmp_path, "quarantine", "list").stdout
    assert "3 of 3 messages" in table
    assert "\x1b[2J" not in table
    shown = run(database_url, tmp_path, "quarantine", "show", str(row["quarantine_id"])).stdout
    assert "metric: the device has no metric 'speed'" in shown
    mend = ["quarantine", "replay", str(row["quarantine_id"]), "--payload"]
    good = '{"ts": 1760000000000, "speed_kmh": 31}'
    tried = run(database_url, tmp_path, *mend, good, "--dry-run")
    assert "Would leave quarantine: 1 messages, with 1 new readings" in tried.stdout
    assert quarantine.count(conn) == 3
    failed = run(database_url, tmp_path, *mend, "{}")
    assert failed.returncode == 1
    assert "shape: no reading in the message" in failed.stdout
    done = json.loads(run(database_url, tmp_path, *mend, good, "--json").stdout)
    assert (done["replayed"], done["readings"], done["refused"]) == (1, 1, 0)
    assert run(database_url, tmp_path, "quarantine", "drop", "--all", "--dry-run").stdout.startswith(
        "Would drop 2"
    )
    assert run(database_url, tmp_path, "quarantine", "drop", "--reason", "json", "--yes").stdout == (
        "Dropped 2 messages\n"
    )
    account = ledger.totals(conn)
    assert (account.quarantined, account.replayed, account.dropped) == (3, 1, 2)
    assert quarantine.count(conn) == 0
    actions = [entry.action for entry in audit.list_entries(conn, 3)]
    assert actions == ["quarantine.drop", "quarantine.replay", "quarantine.replay"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["quarantine", "replay"], "which messages?"),
        (["quarantine", "drop", "7", "--all"], "do not go together"),
        (["quarantine", "show", "7"], "no message in quarantine 7"),
        (["quarantine", "replay", "1", "2", "--payload", "{}"], "one message is mended at a time"),
        (["quarantine", "replay", "7", "--payload", "{}"], "no message in quarantine 7"),
        (["device", "adopt", "nobody"], "no device in the inbox 'nobody'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_panel(
    database_url: str, tmp_path: Path, conn: psycopg.Connection, arguments: list[str], says: str
) -> None:
    done = run(database_url, tmp_path, *arguments)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_without_ingest_a_replay_says_that_it_waits(
    database_url: str, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    import typer

    from launch import replays as following
    from store.replays import request_replay
    from telemetry.errors import CityOpsError
    from telemetry.settings import Settings

    context = typer.Context(typer.main.get_command(_app()))
    context.obj = Settings(database_url=database_url)
    monkeypatch.setattr(following, "_PATIENCE_S", 0.3)
    number = request_replay(conn, "ann", [1])
    began = time.monotonic()
    with pytest.raises(CityOpsError, match="no ingest process took it"):
        following.follow(context, number, 1)
    assert time.monotonic() - began < 5


def _app() -> Any:
    from launch.cli import app

    return app
