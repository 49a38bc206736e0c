"""A device maker's program: steady, distinct QoS 1 readings, and its own record of them. Uses paho alone.

It publishes until its standard input closes, waits until every message is acknowledged, and
prints what it published as JSON. With ``--until-kept`` it asks to be told when a message is
kept (MQTT 5 Response Topic) and sends again what nobody confirmed.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

BAD_EACH = 40
"""Every so many-th message is one that must end in quarantine."""
AGAIN_AFTER_S = 1.5
TICK_S = 0.01
MOST_UNDERWAY = 2_000
"""Of messages without an answer; what is due beyond them waits. paho looks through all of its
queue at each answer, so a queue that grows would slow it down to a stop."""


class Publisher:
    """Publishes to a few devices in turn; ``waiting`` holds what is not confirmed yet."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.good: Counter[str] = Counter()
        self.bad: Counter[str] = Counter()
        self.waiting: dict[bytes, tuple[str, bytes, float]] = {}
        self.sent = self.acked = 0
        self.sent_again = 0
        self._n = 0
        self._lock = threading.Lock()
        client = Client(
            CallbackAPIVersion.VERSION2, client_id=options.name, protocol=MQTTProtocolVersion.MQTTv5
        )
        client.max_inflight_messages_set(0)  # kept to MOST_UNDERWAY here
        client.reconnect_delay_set(1, 1)
        client.on_connect = self._on_connect
        client.on_message = self._on_kept
        client.on_publish = self._on_acked
        expiry = Properties(PacketTypes.CONNECT)
        expiry.SessionExpiryInterval = 600
        client.username_pw_set(options.user, options.password)
        client.connect("127.0.0.1", options.port, keepalive=5, clean_start=False, properties=expiry)
        client.loop_start()
        self.client = client

    def _on_connect(self, client: Client, *_: object) -> None:
        if self.options.until_kept:
            client.subscribe([(f"city/traffic/{device}/kept", 0) for device in self.options.devices])

    def _on_acked(self, *_: object) -> None:
        self.acked += 1

    def _on_kept(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        with self._lock:
            self.waiting.pop(message.properties.CorrelationData, None)

    def publish_due(self, due: int) -> None:
        """As many of those due as may be under way."""
        for _ in range(min(due - self._n, MOST_UNDERWAY - (self.sent - self.acked))):
            self.publish_one()

    def publish_one(self) -> None:
        n, self._n = self._n, self._n + 1
        device = self.options.devices[n % len(self.options.devices)]
        is_bad = n % BAD_EACH == BAD_EACH - 1
        (self.bad if is_bad else self.good)[device] += 1
        value = 9_999 if is_bad else n % 120
        payload = f'{{"ts":{self.options.start_ms + n},"speed_kmh":{value}}}'.encode()
        self._send(str(n).encode(), device, payload)

    def _send(self, key: bytes, device: str, payload: bytes) -> None:
        properties = None
        if self.options.until_kept:
            properties = Properties(PacketTypes.PUBLISH)
            properties.ResponseTopic = f"city/traffic/{device}/kept"
            properties.CorrelationData = key
            with self._lock:
                self.waiting[key] = (device, payload, time.monotonic())
        self.sent += 1
        self.client.publish(f"city/traffic/{device}/telemetry", payload, 1, properties=properties)

    def send_again(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [(k, d, p) for k, (d, p, at) in self.waiting.items() if now - at > AGAIN_AFTER_S]
        if self.client.is_connected():
            self.sent_again += len(late)
            for key, device, payload in late:
                self._send(key, device, payload)

    @property
    def is_done(self) -> bool:
        return not self.waiting if self.options.until_kept else self.acked >= self.sent

    def record(self) -> dict[str, object]:
        return {
            "good": dict(self.good),
            "bad": dict(self.bad),
            "sent": self.sent,
            "acked": self.acked,
            "waiting": len(self.waiting),
            "sent_again": self.sent_again,
        }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--start-ms", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--until-kept", action="store_true")
    parser.add_argument("devices", nargs="+")
    publisher = Publisher(parser.parse_args())
    told = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), told.set()), daemon=True).start()
    began = checked = time.monotonic()
    while not told.wait(TICK_S):
        publisher.publish_due(int((time.monotonic() - began) * publisher.options.rate))
        if publisher.options.until_kept and time.monotonic() - checked > 0.5:
            checked = time.monotonic()
            publisher.send_again()
    deadline = time.monotonic() + 60
    while not publisher.is_done and time.monotonic() < deadline:
        time.sleep(0.3)
        if publisher.options.until_kept:
            publisher.send_again()
    print(json.dumps(publisher.record()), flush=True)
    publisher.client.disconnect()
    return 0 if publisher.is_done else 1


if __name__ == "__main__":
    sys.exit(main())
