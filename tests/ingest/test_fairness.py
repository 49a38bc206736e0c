"""One device at full speed, and what it takes from the others: nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from ingest.fairness import Allowance, Fairness
from ingest.message import Message
from launch.engines.broker import PrivateBroker
from store import devices, ledger, pool
from telemetry.devices import Device
from telemetry.formats import Formats
from telemetry.metrics import Domain
from telemetry.settings import Format
from tests.fix_mqtt import connect

STEADY = 50
EACH = 30
FLOOD = 12_000
SECOND_US = 1_000_000


def _messages(n: int, device_id: str, at_us: int) -> list[Message]:
    return [Message(f"city/traffic/{device_id}/telemetry", b"%d" % i, at_us, 1, i, 0) for i in range(n)]


def _fairness(
    rate_per_s: float,
    burst: int,
    gateway_rate_per_s: float = 0.0,
    gateway_burst: int = 1,
    formats: Formats | None = None,
) -> Fairness:
    route = (formats or Formats()).route
    return Fairness(Allowance(rate_per_s, burst), Allowance(gateway_rate_per_s, gateway_burst), route)


def test_a_burst_passes_and_the_rest_waits_for_its_tokens():
    fairness = _fairness(10.0, 100)
    first = fairness.split(_messages(150, "fast", SECOND_US) + _messages(20, "slow", SECOND_US))
    assert len(first.fair) == 120
    assert {name: len(out) for name, out in first.excess.items()} == {"fast": 50}
    assert [m.payload for m in first.excess["fast"]] == [b"%d" % i for i in range(100, 150)]
    later = fairness.split(_messages(30, "fast", 2 * SECOND_US))
    assert (len(later.fair), len(later.excess["fast"])) == (10, 20)


def test_topics_of_one_device_share_its_bucket():
    fairness = _fairness(1.0, 10)
    status = [Message("city/traffic/fast/status", b"online", SECOND_US, 1, 0, 0)] * 10
    assert len(fairness.split(status + _messages(10, "fast", SECOND_US)).fair) == 10


def test_a_topic_that_names_no_device_has_the_allowance_of_a_gateway_to_itself():
    node = Format("spBv1.0/g/#", "sparkplug_b")
    fairness = _fairness(1.0, 10, 1.0, 40, Formats((node,)))
    data, birth = ([Message(f"spBv1.0/g/{kind}/n", b"", SECOND_US, 1, 0, 0)] for kind in ("NDATA", "NBIRTH"))
    split = fairness.split(data * 50 + birth)
    assert (len(split.fair), split.fair[-1].topic) == (41, "spBv1.0/g/NBIRTH/n")
    assert [message.topic for message in split.excess[""]] == ["spBv1.0/g/NDATA/n"] * 10


def test_topics_that_lead_nowhere_share_one_allowance():
    stray = [Message(f"elsewhere/{i}", b"", SECOND_US, 1, i, 0) for i in range(100)]
    split = _fairness(1.0, 10, 1.0, 40).split(stray)
    assert (len(split.fair), len(split.excess[""])) == (40, 60)


def test_a_rate_of_zero_is_no_limit():
    stray = [Message("elsewhere", b"", SECOND_US, 1, 0, 0)] * 100
    fast = _messages(100, "fast", SECOND_US)
    assert len(_fairness(0.0, 10).split(stray + fast).fair) == 200
    assert len(_fairness(0.0, 10, 1.0, 10).split(stray + fast).fair) == 110
    assert len(_fairness(1.0, 10, 0.0, 10).split(stray + fast).fair) == 110


def _device(device_id: str) -> Device:
    return Device(
        device_id, Domain.TRAFFIC, "loop", device_id, device_id, 10.7, 106.7, "760", 10, ("speed_kmh",)
    )


def _client(broker_url: str) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(1_000)
    connect(client, broker_url)
    client.loop_start()
    return client


def _flood(broker_url: str, begun: threading.Event) -> None:
    client, start_ms = _client(broker_url), int(time.time() * 1_000)
    sent = []
    for i in range(FLOOD):
        payload = f'{{"ts":{start_ms - i},"speed_kmh":{i % 120}}}'
        sent.append(client.publish("city/traffic/hostile/telemetry", payload, 1))
        if i == 1_000:
            begun.set()
    for info in sent:
        info.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def _wait(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(0.02)


def _steadily(client: Client) -> None:
    """Fifty devices, a message each every 100 ms; ``ts`` is when it was sent."""
    pace = threading.Event()
    for _ in range(EACH):
        for k in range(STEADY):
            payload = f'{{"ts":{time.time_ns() // 1_000_000},"speed_kmh":40}}'
            client.publish(f"city/traffic/steady-{k}/telemetry", payload, 1)
        pace.wait(0.1)


def test_a_hostile_device_at_full_speed_leaves_the_others_whole_and_in_time(
    database_url: str, durable_broker: PrivateBroker, tmp_path: Path
) -> None:
    (tmp_path / "cityops.toml").write_text(
        "[ingest]\ndevice_rate_per_s = 20.0\ndevice_burst = 200\n", encoding="utf-8"
    )
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "MQTT_URL": durable_broker.url,
        "CITYOPS_DATA_DIR": str(tmp_path / "data"),
    }
    with pool.connect(database_url, name="test", autocommit=True) as conn:
        names = ["hostile", *(f"steady-{k}" for k in range(STEADY))]
        devices.upsert_devices(conn, [_device(name) for name in names])
        command = [sys.executable, "-m", "launch", "--config", str(tmp_path / "cityops.toml"), "ingest"]
        with (tmp_path / "ingest.log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait(lambda: _heard(conn), "ingest to subscribe")
            begun = threading.Event()
            hostile = threading.Thread(target=_flood, args=(durable_broker.url, begun))
            hostile.start()
            assert begun.wait(60)
            client = _client(durable_broker.url)
            _steadily(client)
            hostile.join(60)
            _wait(lambda: _delivered(conn) >= FLOOD + STEADY * EACH, "every message")
            client.disconnect()
            client.loop_stop()
        finally:
            process.kill()
            process.wait(60)
        _check(conn)


def _heard(conn: psycopg.Connection) -> bool:
    row = conn.execute("SELECT detail->>'broker' FROM service WHERE name = 'ingest'").fetchone()
    return bool(row and row[0] == "connected")


def _delivered(conn: psycopg.Connection) -> int:
    return sum(account.messages for account in ledger.by_device(conn).values())


def _check(conn: psycopg.Connection) -> None:
    accounts = ledger.by_device(conn)
    for k in range(STEADY):
        assert accounts[f"steady-{k}"].committed == EACH
        assert accounts[f"steady-{k}"].quarantined == 0
    hostile = accounts["hostile"]
    assert hostile.committed + hostile.quarantined == FLOOD
    assert hostile.quarantined > FLOOD / 2
    kept = conn.execute("SELECT count(*), min(reason) FROM quarantine WHERE device_id = 'hostile'").fetchone()
    assert kept == (1_000, "rate")
    lags = conn.execute(_LAGS).fetchone()
    assert lags is not None
    assert lags[0] < 3.0, f"p95 of the others' lag was {lags[0]:.2f} s"


_LAGS = """
SELECT percentile_cont(0.95) WITHIN GROUP (
    ORDER BY extract(epoch FROM committed_at) - t / 1e6)
FROM reading_batch, unnest(stream_ids, times) AS r(s, t) JOIN stream ON stream_id = s
WHERE device_id LIKE 'steady-%'"""
