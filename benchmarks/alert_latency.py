"""From the commit of a reading to the commit of the alert it leads to, under full load.

    python benchmarks/alert_latency.py [--rate 20000] [--seconds 20]

Devices send 3 points a message at a rate, QoS 1, from a process on the same machine, while
`cityops ingest` commits and `cityops analytics` scores with the city's own configuration.
Beside them, ten times a second, a water gauge that has been over its limit for long enough
says so. Taken is the time from the moment the entry of the log was stamped (inside the
transaction, so before its commit) to the notice that PostgreSQL gives once the alert is
committed: both ends are a little outside what is asked.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psycopg
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._stage import say
from benchmarks._way import Way, machine, way
from launch.config import load_city, load_settings
from store.ledger import totals
from store.offsets import worst_lag
from store.pool import connect
from telemetry.devices import Device
from telemetry.topics import telemetry_topic

N_DEVICES, N_POINTS = 6_000, 3
LIMIT_MS = 300.0
_EVERY_S = 0.1
_LASTED_S = 65
_HIGH = 1.9
_MOST = 600
_METRIC = "water_level_m"

_STAMPED = """
SELECT committed_at FROM reading_batch
WHERE committed_at BETWEEN to_timestamp(%s) - interval '30 s' AND to_timestamp(%s) AND %s = ANY(stream_ids)
ORDER BY committed_at LIMIT 1"""
# A gauge that has said its one thing is silent soon, which is another alert.
_STREAM_OF = "SELECT stream_id FROM alert WHERE alert_id = %s AND metric = %s AND starts_with(rule, 'limit:')"


@dataclass
class Gauges:
    """Devices that report nothing but their crossing, each once."""

    stage: Way
    devices: list[Device]
    sent: int = 0

    def publish(self, seconds: float) -> None:
        """Crossings for so long, ten a second or as many as there are gauges for."""
        to = urlsplit(self.stage.mqtt_url)
        client = Client(CallbackAPIVersion.VERSION2, client_id="bench-gauges")
        if to.username:
            client.username_pw_set(to.username, to.password)
        client.connect(to.hostname or "", to.port or 1883)
        client.loop_start()
        ends = time.monotonic() + seconds
        every_s = max(_EVERY_S, seconds / len(self.devices))
        while time.monotonic() < ends and self.sent < len(self.devices):
            device, now_ms = self.devices[self.sent], time.time_ns() // 1_000_000
            said = [{_METRIC: _HIGH, "ts": now_ms - 1000 * ago_s} for ago_s in (_LASTED_S, 0)]
            client.publish(telemetry_topic(device.domain, device.device_id), json.dumps(said), qos=1)
            self.sent += 1
            time.sleep(every_s)
        client.disconnect()
        client.loop_stop()


@dataclass
class Heard(threading.Thread):
    """Notes when PostgreSQL says that an alert was committed."""

    database_url: str
    at: dict[int, float] = field(default_factory=dict[int, float])

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.stopped = threading.Event()

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        """Listen until `stopped`."""
        with connect(self.database_url, name="benchmark", autocommit=True) as conn:
            conn.execute("LISTEN alert")
            while not self.stopped.is_set():
                for notice in conn.notifies(timeout=0.2, stop_after=1):
                    self.at.setdefault(int(notice.payload), time.time())


def delays_ms(conn: psycopg.Connection, heard: Heard) -> list[float]:
    """Milliseconds from the entry to the alert, of every alert of a gauge."""
    found: list[float] = []
    for alert_id, at in heard.at.items():
        row = conn.execute(_STREAM_OF, (alert_id, _METRIC)).fetchone()
        stamped = conn.execute(_STAMPED, (at, at, row[0])).fetchone() if row else None
        if stamped is not None:
            found.append((at - stamped[0].timestamp()) * 1000)
    return found


def crossing(stage: Way) -> list[Device]:
    """Gauges with a limit on their level, taken out of the load."""
    thresholds = load_city(load_settings(Path("/dev/null"), environment={})).thresholds
    gauges = [
        device
        for device in stage.devices
        if _METRIC in device.metrics
        and any(one.applies_to(device, _METRIC) and one.limit < _HIGH for one in thresholds)
    ][:_MOST]
    ids = {device.device_id for device in gauges}
    stage.devices = [device for device in stage.devices if device.device_id not in ids]
    return gauges


def main() -> None:
    """Load, cross, measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, default=20_000.0, help="messages a second, of 3 points each")
    parser.add_argument("--seconds", type=float, default=20.0)
    told = parser.parse_args()
    with way(N_DEVICES) as stage, stage.service("ingest"), stage.service("analytics"):
        gauges, heard = Gauges(stage, crossing(stage)), Heard(stage.database_url)
        say(f"{len(stage.streams):,} streams; {len(gauges.devices)} gauges can cross their limit")
        with connect(stage.database_url, name="benchmark", autocommit=True) as conn:
            heard.start()
            before = totals(conn).messages
            publishing = stage.publisher(
                stage.plan(N_POINTS), int(told.rate * (told.seconds + 4)), told.rate, window=50_000
            )
            time.sleep(3.0)
            gauges.publish(told.seconds)
            behind = worst_lag(conn, "analytics")
            result = publishing.result()
            deadline = time.monotonic() + 30
            while worst_lag(conn, "analytics") and time.monotonic() < deadline:
                time.sleep(0.5)
            time.sleep(1.0)
            rate = (totals(conn).messages - before) / (result["ended"] - result["began"])
            heard.stopped.set()
            heard.join()
            found = delays_ms(conn, heard)
        p50, p95, p99 = np.percentile(found, (50, 95, 99))
        print(f"{machine()}; {stage.described}; {len(stage.streams):,} streams")
        print(f"{rate:,.0f} messages/s = {rate * N_POINTS:,.0f} readings/s; {len(found)} alerts of "
              f"{gauges.sent} crossings; {behind} batches behind at the end")  # fmt: skip
        print(f"committed → alert committed: p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, "
              f"longest {max(found):.0f} ms; "
              f"p95 / limit of {LIMIT_MS:.0f} ms: {p95 / LIMIT_MS:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
