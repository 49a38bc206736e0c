"""The way in, on a machine of its own: a broker, a database, and what a benchmark puts between them."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._publisher import Plan, make_plan
from benchmarks._stage import many, say
from launch.config import load_city, load_settings
from launch.engines import choose_broker, choose_database
from launch.engines.surroundings import Surroundings
from launch.ports import free_port
from launch.processes import Guard
from launch.schema import prepare_database
from store import devices
from store.ledger import totals
from store.pool import connect
from telemetry.devices import Device, Stream
from telemetry.metrics import METRICS
from telemetry.topics import telemetry_topic

PUBLISHER = Path(__file__).with_name("_publisher.py")


@dataclass
class Way:
    """Addresses of a broker and a database that know some devices."""

    database_url: str
    mqtt_url: str
    folder: Path
    devices: list[Device]
    streams: list[Stream]
    described: str

    @contextmanager
    def service(self, name: str) -> Iterator[psutil.Process]:
        """A service of ours as a process, once its heartbeat says that it works."""
        environment = {**os.environ, "DATABASE_URL": self.database_url, "MQTT_URL": self.mqtt_url}
        command = [sys.executable, "-m", "launch", "--data-dir", str(self.folder / "data"), name]
        with (
            (self.folder / f"{name}.log").open("ab") as log,
            connect(self.database_url, name="benchmark", autocommit=True) as conn,
        ):
            conn.execute("DELETE FROM service WHERE name = %s", (name,))
            child = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            try:
                query = (
                    "SELECT 1 FROM service WHERE name = %s AND coalesce(detail->>'broker', '') <> 'away'"
                    " AND coalesce(detail->>'state', '') <> 'warming'"
                )
                wait_for(lambda: conn.execute(query, (name,)).fetchone() is not None, 60, name)
                yield psutil.Process(child.pid)
            finally:
                child.terminate()
                child.wait(30)

    def forget_session(self, client_id: str) -> None:
        """End a client's session, or the broker keeps for it what the next one is measured with."""
        to, gone = urlsplit(self.mqtt_url), threading.Event()
        client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
        if to.username:
            client.username_pw_set(to.username, to.password)
        client.on_connect = lambda *_: client.disconnect()
        client.on_disconnect = lambda *_: gone.set()
        client.connect(to.hostname or "", to.port or 1883, clean_start=True)
        client.loop_start()
        if not gone.wait(10):
            raise SystemExit("the broker does not answer")
        client.loop_stop()

    def publisher(self, plan: Plan, n: int, rate: float = 0.0, window: int = 5_000) -> Publishing:
        """Start a publisher of ``n`` messages in a process of its own."""
        path = self.folder / "plan.npz"
        plan.save(path)
        to = urlsplit(self.mqtt_url)
        command = [sys.executable, str(PUBLISHER), str(path), "--port", str(to.port), "--n", str(n)]
        command += ["--rate", str(rate), "--window", str(window)]
        if to.username:
            command += ["--user", to.username, "--password", to.password or ""]
        return Publishing(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))

    def plan(self, n_metrics: int = 1, n_objects: int = 1) -> Plan:
        """A message for every device: ``n_objects`` moments of its first metrics."""
        chosen = [device for device in self.devices if len(device.metrics) >= n_metrics]
        topics = [telemetry_topic(device.domain, device.device_id) for device in chosen]
        bodies = [",".join(f'"{m}":{middle(m)}' for m in device.metrics[:n_metrics]) for device in chosen]
        return make_plan(topics, [[body] * n_objects for body in bodies], n_metrics * n_objects)


@dataclass
class Publishing:
    """A publisher at work."""

    child: subprocess.Popen[str]

    def result(self, timeout_s: float = 300.0) -> dict[str, float]:
        """When it began and ended, once it has."""
        text, _ = self.child.communicate(timeout=timeout_s)
        if self.child.returncode:
            raise SystemExit("the publisher failed")
        return json.loads(text)


def middle(metric: str) -> float:
    """A value that an instrument can report, with a fraction."""
    known = METRICS[metric]
    return round(known.low + (known.high - known.low) * 0.37, 2)


def committed(conn: psycopg.Connection) -> int:
    """Readings committed by the ledger."""
    return totals(conn).committed


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str, every_s: float = 0.02) -> None:
    """Until something holds, or the benchmark fails."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(every_s)


@contextmanager
def way(n_devices: int, least_metrics: int = 1) -> Iterator[Way]:
    """A broker and a durable database with ``n_devices`` devices of so many metrics; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cityops-bench-") as name, contextlib.ExitStack() as stack:
        folder, guard = Path(name), Guard()
        stack.callback(guard.close)
        settings = load_settings(Path(os.devnull), environment={})
        around = Surroundings(settings, folder / "engines", guard=guard)
        around.folder.mkdir()
        say("starting a database and a broker")
        cluster, broker = choose_database(around, free_port()), choose_broker(around, free_port())
        for engine in (cluster, broker):
            engine.start()
            stack.callback(engine.stop)
        city = load_city(settings)
        chosen = many([d for d in city.devices if len(d.metrics) >= least_metrics], n_devices)
        prepare_database(cluster.url, replace(city, devices=tuple(chosen)))
        with connect(cluster.url, name="benchmark") as conn:
            streams = devices.list_streams(conn)
        described = f"{cluster.describe().version}; {broker.describe().version}"
        yield Way(cluster.url, broker.url, folder, chosen, streams, described)


def machine() -> str:
    """What all of it ran on."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = psutil.virtual_memory().total / 2**30
    python = platform.python_version()
    return f"{os.cpu_count()} × {model or platform.machine()}, {memory:.0f} GB, Python {python}"
