"""The account on the command line: what it says, and that it finds what does not add up."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from launch.ledger import print_recount
from store import devices, horizons, ledger, pool, quarantine
from store.ledger import Discrepancy, Entry
from store.quarantine import Refusal
from telemetry.devices import Device
from telemetry.metrics import Domain
from tests.launch.test_cli import cityops

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
DEVICE = Device("loop-1", Domain.TRAFFIC, "loop", "Một", "One", 10.7, 106.7, "760", 10, ("speed_kmh",))


def fill(url: str) -> None:
    with pool.connect(url, name="test", autocommit=True) as conn:
        devices.upsert_devices(conn, [DEVICE])
        conn.execute("INSERT INTO reading SELECT stream_id, %s, 40, 0 FROM stream", (NOW,))
        quarantine.put_refusals(conn, [Refusal(NOW, "", "city/x", b"{", "json", "no JSON")])
        day = date(2026, 11, 23)
        ledger.add_entries(conn, "a", day, {"loop-1": Entry(2, 1, 1), "": Entry(1, quarantined=1)})


def test_the_account_is_printed_and_recounted(database_url: str, tmp_path: Path) -> None:
    fill(database_url)
    done = cityops("ledger", "--verify", folder=tmp_path, DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    assert "2 distinct = 1 readings committed + 1 messages" in done.stdout
    assert "Recounted" in done.stdout
    with pool.connect(database_url, name="test", autocommit=True) as conn:
        conn.execute("DELETE FROM reading")
    lost = cityops("ledger", "--verify", "--json", folder=tmp_path, DATABASE_URL=database_url)
    assert lost.returncode == 1
    account = json.loads(lost.stdout)
    assert account["wrong"] == [{"device_id": "loop-1", "what": "readings", "said": 1, "found": 0}]
    assert account["totals"]["duplicates"] == 1
    assert {row["device_id"]: row["counts"]["messages"] for row in account["rows"]} == {"loop-1": 2, "": 1}


def test_what_does_not_add_up_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    print_recount([Discrepancy("loop-[1]", "readings", 2, 1)])
    told = capsys.readouterr().out
    assert told.startswith("It does not add up for 1 devices:")
    assert "loop-[1]" in told


def test_what_an_import_refused_and_retention_let_go_is_no_fault(database_url: str, tmp_path: Path) -> None:
    day = date(2026, 11, 23)
    lost = [ledger.Discrepancy("loop-1", "readings", 1, 0)]
    with pool.connect(database_url, name="test", autocommit=True) as conn:
        devices.upsert_devices(conn, [DEVICE])
        conn.execute("TRUNCATE reading, ledger, quarantine, reading_horizon")
        ledger.add_entries(conn, "import", day, {"loop-1": Entry(3, 1, quarantined=2)})
        assert ledger.recount(conn) == lost
        horizons.raise_horizon(conn, "reading", NOW - timedelta(days=300))
        assert ledger.recount(conn) == []
    done = cityops("ledger", "--verify", folder=tmp_path, DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    assert "before 2026-01-27 were let go" in done.stdout


def test_retention_does_not_excuse_what_it_cannot_have_let_go(database_url: str) -> None:
    lost = [ledger.Discrepancy("loop-1", "readings", 1, 0)]
    with pool.connect(database_url, name="test", autocommit=True) as conn:
        devices.upsert_devices(conn, [DEVICE])
        conn.execute("TRUNCATE reading, ledger, quarantine, reading_horizon")
        ledger.add_entries(conn, "a", date(2026, 11, 23), {"loop-1": Entry(1, 1)})
        horizons.raise_horizon(conn, "reading", NOW - timedelta(days=32))
        assert ledger.recount(conn) == lost
        horizons.raise_horizon(conn, "reading", NOW - timedelta(days=29))
        assert ledger.recount(conn) == []


def test_a_day_that_is_none_is_refused(database_url: str, tmp_path: Path) -> None:
    done = cityops("ledger", "--since", "yesterday", folder=tmp_path, DATABASE_URL=database_url)
    assert done.returncode == 2
    assert "YYYY-MM-DD" in done.stderr
