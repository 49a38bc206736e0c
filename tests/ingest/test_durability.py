"""kill -9 in the middle of sixty thousand messages loses none of them, and doubles none."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from launch.engines.broker import PrivateBroker
from store import batches, devices, ledger, pool
from telemetry.devices import Device
from telemetry.metrics import Domain
from tests.fix_mqtt import connect

N = 60_000
KILLS = 3
START_MS = int(time.time() * 1_000)
DEVICE = Device("loop-1", Domain.TRAFFIC, "loop", "Một", "One", 10.7, 106.7, "760", 10, ("speed_kmh",))


class Publisher:
    """An independent QoS 1 publisher; `run` returns when the broker has every message."""

    def __init__(self, broker_url: str) -> None:
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.max_inflight_messages_set(500)
        connect(client, broker_url)
        client.loop_start()
        self._client = client

    def run(self) -> None:
        infos = [
            self._client.publish(
                "city/traffic/loop-1/telemetry", f'{{"ts":{START_MS - i},"speed_kmh":{i % 120}}}', qos=1
            )
            for i in range(N)
        ]
        for info in infos:
            info.wait_for_publish(60)
        assert all(info.is_published() for info in infos)
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def start_ingest(
    database_url: str, durable_broker: PrivateBroker, tmp_path: Path
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "MQTT_URL": durable_broker.url,
        "CITYOPS_DATA_DIR": str(tmp_path / "data"),
    }

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / "ingest.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "launch", "ingest"], env=environment, stdout=log, stderr=log
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(60)


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(0.02)


def test_kill_9_of_ingest_loses_nothing(
    database_url: str,
    durable_broker: PrivateBroker,
    start_ingest: Callable[[], subprocess.Popen[bytes]],
) -> None:
    with pool.connect(database_url, name="test", autocommit=True) as conn:
        devices.upsert_devices(conn, [DEVICE])

        def stored() -> int:
            row = conn.execute("SELECT count(*) FROM reading").fetchone()
            return row[0] if row else 0

        process = start_ingest()
        wait_until(lambda: _is_subscribed(conn), "ingest to subscribe")
        publisher = threading.Thread(target=Publisher(durable_broker.url).run)
        publisher.start()
        kills_amid = 0
        for kill in range(KILLS):
            goal = N * (kill + 1) // (KILLS + 2)
            wait_until(lambda goal=goal: stored() >= goal, f"{goal} readings")
            kills_amid += stored() < N
            process.kill()
            process.wait(60)
            process = start_ingest()
        publisher.join(60)
        assert not publisher.is_alive()
        wait_until(lambda: stored() >= N, "every reading")
        assert kills_amid == KILLS, "a kill came after the last message; make N larger"
        _check(conn)


def _is_subscribed(conn: psycopg.Connection) -> bool:
    row = conn.execute("SELECT detail->>'broker' FROM service WHERE name = 'ingest'").fetchone()
    return bool(row and row[0] == "connected")


def _check(conn: psycopg.Connection) -> None:
    row = conn.execute("SELECT count(*), count(DISTINCT time), min(time), max(time) FROM reading").fetchone()
    assert row is not None
    assert row[:2] == (N, N)
    span_ms = (row[3] - row[2]).total_seconds() * 1_000
    assert round(span_ms) == N - 1
    account = ledger.totals(conn)
    assert (account.committed, account.quarantined) == (N, 0)
    head = batches.heads(conn)["ingest-1"]
    logged = batches.read_after(conn, "ingest-1", 0, limit=head)
    assert [batch.seq for batch in logged] == list(range(1, head + 1))
    assert sum(len(batch.readings) for batch in logged) == N
