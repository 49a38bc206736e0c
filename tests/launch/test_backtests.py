"""``cityops backtest`` and ``cityops shadow``, as typed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from launch.config import load_city
from launch.schema import offer_detectors
from store import backtests, devices, pool, services, shadows, snapshots
from store.batches import append_batch
from store.offsets import get_offsets
from store.readings import write_readings
from telemetry.detection import decode_configuration
from telemetry.readings import Readings
from telemetry.settings import Settings
from tests.analytics.worlds import wait_for
from tests.launch.test_cli import ROOT, cityops

MINUTE = 60_000_000
END = 1_767_546_000_000_000
"""2026-01-05 00:00 in Ho Chi Minh City."""
LEVELS = """
[[detector]]
name = "limits"
kind = "limits"

[[detector]]
name = "stuck"
kind = "stuck"
"""


@pytest.fixture(scope="module")
def url(make_database: Any) -> str:
    """Two days of a few streams of the city, a tide above every level in the second."""
    url = make_database()
    city = load_city(Settings())
    with pool.connect(url, name="test", autocommit=True) as conn:
        devices.upsert_devices(conn, city.devices)
        offer_detectors(url, city)
        known = devices.list_streams(conn)
        streams = [stream for stream in known if stream.metric == "water_level_m"]
        streams += [stream for stream in known if stream.metric == "speed_kmh"][:20]
        times = np.arange(END - 2 * 24 * 60 * MINUTE, END, 5 * MINUTE)
        values = 0.4 + 0.01 * np.sin(np.arange(len(times)))
        values[-60:-40] = 3.0
        ids = np.repeat([s.stream_id for s in streams], len(times))
        with conn.transaction():
            write_readings(
                conn, Readings.of(ids, np.tile(times, len(streams)), np.tile(values, len(streams)))
            )
    return url


@pytest.fixture
def run(url: str, tmp_path: Path) -> Any:
    (tmp_path / "levels.toml").write_text(LEVELS)

    def go(*arguments: str) -> Any:
        return cityops(*arguments, folder=tmp_path, DATABASE_URL=url)

    return go


@pytest.fixture
def conn(url: str) -> Iterator[psycopg.Connection]:
    with pool.connect(url, name="test", autocommit=True) as conn:
        yield conn


def test_a_run_is_done_kept_listed_and_compared(run: Any) -> None:
    first = run("backtest", "--days", "1", "--train-days", "1", "--workers", "1", "--name", "as it is")
    assert first.returncode == 0, first.stderr
    assert "limit:tide" in first.stdout
    second = run(
        "backtest", "--config", "levels.toml", "--from", "2026-01-04", "--to", "2026-01-05", "--workers", "1",
        "--select", "metric=speed_kmh", "--json",
    )  # fmt: skip
    assert second.returncode == 0, second.stderr
    (result,) = json.loads(second.stdout)
    assert result["scored"] == 288 * 20
    assert result["streams"] > 20, "the others say nothing"
    listed = json.loads(run("backtest", "list", "--json").stdout)
    assert [one["status"] for one in listed] == ["done", "done"]
    assert listed[1]["name"] == "as it is"
    assert listed[1]["version"] == 1
    assert listed[0]["version"] is None
    ids = [str(one["backtest_run_id"]) for one in listed[::-1]]
    assert "as it is" in run("backtest", "list").stdout
    assert "limit:tide" in run("backtest", "show", ids[0]).stdout
    compared = run("backtest", "compare", *ids)
    assert compared.returncode == 0, compared.stderr
    assert f"by Run {ids[0]} alone" in compared.stdout


def test_a_sweep_is_a_table(run: Any) -> None:
    swept = run(
        "backtest", "--days", "0.5", "--train-days", "1", "--workers", "1",
        "--select", "metric=water_level_m", "--sort", "episodes",
        "--sweep", "stuck.params.least_repeats=10,20",
    )  # fmt: skip
    assert swept.returncode == 0, swept.stderr
    assert "least_repeats" in swept.stdout
    listed = json.loads(run("backtest", "list", "--json").stdout)
    assert [one["point"] for one in listed[:2]] == [
        {"stuck.params.least_repeats": 20}, {"stuck.params.least_repeats": 10},
    ]  # fmt: skip
    assert listed[0]["family_id"] == listed[1]["backtest_run_id"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "yesterday"), "'yesterday' is no date or time"),
        (("--from", "2031-01-01", "--to", "2031-01-02"), "there are no readings between"),
        (("--select", "metric"), "say KEY=VALUE"),
        (("--select", "colour=red"), "colour"),
        (("--sweep", "stuck.params.least_repeat=3"), "least_repeat"),
        (("--sweep", "stuck=3"), "say DETECTOR.params.KEY"),
        (("--config", "nothing.toml"), "nothing.toml"),
        (("--version", "99"), "99"),
        (("--refit-h", "20000"), "refit_h"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_named(run: Any, arguments: tuple[str, ...], says: str) -> None:
    refused = run("backtest", *arguments)
    assert refused.returncode == 2
    assert says in " ".join(refused.stderr.replace("│", " ").split())


def test_cancelling_what_has_ended_is_refused(run: Any, conn: psycopg.Connection) -> None:
    span = (datetime(2026, 1, 4, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC))
    configuration = decode_configuration(LEVELS.encode()).to_document()
    (asked,) = backtests.request_runs(conn, [backtests.Request(configuration, "abc", *span, "an")])
    backtests.begin(conn, asked.backtest_run_id, "w")
    backtests.finish(conn, asked.backtest_run_id, "w", {}, [])
    refused = run("backtest", "cancel", str(asked.backtest_run_id))
    assert refused.returncode == 2
    assert "it is done" in refused.stderr


def test_a_shadow_is_started_shown_and_stopped(run: Any) -> None:
    assert run("shadow", "start", "--reason", "to see").returncode == 2
    started = run("shadow", "start", "--config", "levels.toml", "--reason", "to see")
    assert started.returncode == 0, started.stderr
    again = run("shadow", "start", "--version", "1", "--reason", "me too")
    assert again.returncode == 2
    assert "stop it first" in again.stderr
    shown = run("shadow", "show")
    assert shown.returncode == 0, shown.stderr
    assert "Found by both: 0" in shown.stdout
    assert run("shadow", "stop").returncode == 0
    assert run("shadow", "stop").returncode == 2
    assert "to see" in run("shadow", "list").stdout


@pytest.fixture
def bench(url: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The bench process, as the supervisor starts it."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "DATABASE_URL": url}
    with (tmp_path / "bench.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "launch", "bench"], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    yield process
    process.terminate()
    assert process.wait(60) == 0, (tmp_path / "bench.log").read_text()


def test_what_is_asked_for_is_done_by_the_bench(conn: psycopg.Connection, bench: Any) -> None:
    configuration = decode_configuration(LEVELS.encode()).to_document()
    span = (datetime(2026, 1, 4, tzinfo=UTC), datetime(2026, 1, 4, 17, tzinfo=UTC))
    with conn.transaction():
        (asked,) = backtests.request_runs(conn, [backtests.Request(configuration, "abc", *span, "an")])
    wait_for(lambda: backtests.get_run(conn, asked.backtest_run_id).status == "done", 60.0)
    run = backtests.get_run(conn, asked.backtest_run_id)
    assert run.result is not None
    assert run.result["counts"]["limits limit:tide"] > 1
    assert run.worker is not None
    assert run.worker.startswith("bench ")
    wait_for(lambda: any(s.name == "bench" and s.detail["done"] == 1 for s in services.list_services(conn)))


def test_a_shadow_runs_in_a_process_of_its_own(conn: psycopg.Connection, bench: Any) -> None:
    document = decode_configuration(LEVELS.encode()).to_document()
    shadow = shadows.start(conn, document, "abc", "an", "to see")
    wait_for(lambda: snapshots.load_snapshot(conn, shadows.consumer_of(shadow.shadow_id)) is not None, 60.0)
    (stream, *_) = [s for s in devices.list_streams(conn) if s.metric == "water_level_m"]
    for minutes in range(3):
        at = END + minutes * 5 * MINUTE
        readings = Readings.of([stream.stream_id], [at], [9.0])
        with conn.transaction():
            append_batch(conn, "ingest", minutes + 1, write_readings(conn, readings))
    wait_for(lambda: get_offsets(conn, shadows.consumer_of(shadow.shadow_id)) == {"ingest": 3}, 60.0)
    shadows.stop(conn, shadow.shadow_id, "an")
    wait_for(lambda: not any(s.name == "bench" and s.detail["shadow"] for s in services.list_services(conn)))
