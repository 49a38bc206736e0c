"""Single readings, device → broker → committed → acknowledged, against a subscriber that does nothing.

    python benchmarks/ingest_rate.py [--n 150000] [--rounds 2] [--without-mq-bridge]

Publisher, broker, database and what is measured share the machine. The same messages go, over the
same broker, to: a paho client that only counts what it gets (MQTT 5, QoS 1, acknowledged by paho
itself); to `cityops ingest`; and to mq-bridge (Rust), which inserts them into the same table. For
mq-bridge the message names its stream: it looks nothing up and checks nothing. It is installed
from PyPI into a folder of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._publisher import Plan, make_plan
from benchmarks._stage import say
from benchmarks._way import Way, committed, machine, middle, wait_for, way
from store.pool import connect
from telemetry.topics import telemetry_topic

FLOOR_TARGET, BRIDGE_TARGET = 0.75, 2.0
BRIDGE = "mq-bridge==1.2.0"
BRIDGE_HOME = Path.home() / ".cache" / "cityops-bench" / BRIDGE
_TIMEOUT_S = 120

_IDLE = """
import sys, threading
from urllib.parse import urlsplit
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
to, n, count, done = urlsplit(sys.argv[1]), int(sys.argv[2]), 0, threading.Event()
def on_message(client, data, message):
    global count
    count += 1
    if count == n:
        done.set()
client = Client(CallbackAPIVersion.VERSION2, client_id="idle", protocol=MQTTProtocolVersion.MQTTv5)
if to.username:
    client.username_pw_set(to.username, to.password)
client.on_message = on_message
client.on_connect = lambda *_: client.subscribe("city/+/+/telemetry", qos=1)
client.on_subscribe = lambda *_: print("ready", flush=True)
properties = Properties(PacketTypes.CONNECT)
properties.ReceiveMaximum = 40000
client.connect(to.hostname, to.port, properties=properties)
client.loop_start()
done.wait()
import time
print(time.time(), flush=True)
client.loop_stop()
"""

_BRIDGE = """
import json, sys
from mq_bridge import Route
Route.from_config(json.loads(sys.argv[1]), "bench").run()
"""


def idle(stage: Way, n: int) -> float:
    """Messages a second to a client that does nothing with them."""
    child = subprocess.Popen(
        [sys.executable, "-c", _IDLE, stage.mqtt_url, str(n)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        if child.stdout.readline().strip() != "ready":
            raise SystemExit("the idle subscriber did not start")
        began = stage.publisher(stage.plan(), n).result()["began"]
        return n / (float(child.stdout.readline()) - began)
    finally:
        child.kill()
        child.wait()


def cityops(stage: Way, n: int) -> float:
    """Messages a second until `cityops ingest` has committed all of them."""
    with stage.service("ingest"), connect(stage.database_url, name="benchmark", autocommit=True) as conn:
        before = committed(conn)
        rate = _until(lambda: committed(conn) - before, stage, stage.plan(), n)
    stage.forget_session("ingest-1")
    return rate


def bridge(stage: Way, n: int) -> float:
    """Messages a second until mq-bridge has inserted all of them."""
    python = _bridge_python()
    plan = _bridge_plan(stage)
    to = urlsplit(stage.mqtt_url)
    insert = (
        "INSERT INTO reading (stream_id, time, value, quality) VALUES "
        "(${payload:s}::int, to_timestamp(${payload:ts}::float8 / 1000), ${payload:v}::float8, 0) "
        "ON CONFLICT DO NOTHING"
    )
    route = {
        "input": {
            "mqtt": {
                "url": f"tcp://{to.hostname}:{to.port}", "username": to.username, "password": to.password,
                "topic": "city/+/+/telemetry", "qos": 1, "client_id": "bridge",
                "queue_capacity": 20_000, "max_inflight": 40_000, "clean_session": True,
            }
        },
        "output": {"sqlx": {"url": stage.database_url, "table": "reading", "insert_query": insert}},
        "batch_size": 10_000,
        "concurrency": 1,
    }  # fmt: skip
    with connect(stage.database_url, name="benchmark", autocommit=True) as conn:
        conn.execute("TRUNCATE reading")
        child = subprocess.Popen([str(python), "-c", _BRIDGE, json.dumps(route)])
        try:
            time.sleep(3)  # it does not say when it has subscribed
            if child.poll() is not None:
                raise SystemExit("mq-bridge ended at once")

            def stored() -> int:
                row = conn.execute("SELECT count(*) FROM reading").fetchone()
                return int(row[0]) if row else 0

            return _until(stored, stage, plan, n)
        finally:
            child.terminate()
            child.wait(20)


def _until(count: Callable[[], int], stage: Way, plan: Plan, n: int) -> float:
    publishing = stage.publisher(plan, n)
    wait_for(lambda: count() >= n, _TIMEOUT_S, f"{n} readings", every_s=0.05)
    ended = time.time()
    return n / (ended - publishing.result()["began"])


def _bridge_plan(stage: Way) -> Plan:
    first = {(stream.device_id, stream.metric): stream.stream_id for stream in stage.streams}
    topics = [telemetry_topic(device.domain, device.device_id) for device in stage.devices]
    bodies = [
        [f'"s":{first[device.device_id, device.metrics[0]]},"v":{middle(device.metrics[0])}']
        for device in stage.devices
    ]
    return make_plan(topics, bodies, 1)


def _bridge_python() -> Path:
    python = BRIDGE_HOME / "bin" / "python"
    if not (BRIDGE_HOME / "whole").exists():
        say(f"installing {BRIDGE}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(BRIDGE_HOME)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", BRIDGE], check=True
        )
        (BRIDGE_HOME / "whole").touch()
    return python


def main() -> None:
    """Take turns, print medians and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=150_000, help="messages in a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--devices", type=int, default=2_000)
    parser.add_argument("--without-mq-bridge", action="store_true")
    told = parser.parse_args()
    ways: dict[str, Callable[[Way, int], float]] = {"paho, idle": idle, "cityops ingest": cityops}
    if not told.without_mq_bridge:
        ways["mq-bridge"] = bridge
    rates: dict[str, list[float]] = {name: [] for name in ways}
    with way(told.devices) as stage:
        for _ in range(told.rounds):
            for name, measure in ways.items():
                rates[name].append(measure(stage, told.n))
                say(f"{name}: {rates[name][-1]:,.0f} messages/s")
        print(f"{machine()}; {stage.described}; {told.n:,} messages of one reading, QoS 1, "
              f"{told.rounds} rounds, medians")  # fmt: skip
    middle_of = {name: statistics.median(found) for name, found in rates.items()}
    ours = middle_of["cityops ingest"]
    targets = {"paho, idle": FLOOR_TARGET, "mq-bridge": BRIDGE_TARGET}
    for name, rate in middle_of.items():
        ratio = f"{ours / rate:9.2f} (target {targets[name]:g})" if name in targets else ""
        print(f"{name:<16}{rate:10,.0f} messages/s{ratio and '   ours / its' + ratio}")


if __name__ == "__main__":
    main()
