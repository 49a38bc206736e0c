"""Simulated devices on MQTT: a few connections that many devices share.

Real devices hold one connection each, and the broker publishes their last will. Here
some 150 share one, so there is no will: ``online`` is published (retained) for each
device at the start and ``offline`` at a clean stop. A simulator that is killed leaves
``online`` behind; the silence detector is what notices.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from telemetry.addresses import BrokerAddress
from telemetry.devices import DEVICE_ID, Device
from telemetry.settings import Tls
from telemetry.topics import status_topic, telemetry_topic

DEVICES_PER_CONNECTION = 150
MOST_CONNECTIONS = 8
QUEUED_AT_MOST = 4_000
"""Unacknowledged messages on one connection at most; past it the simulator waits a little, then
drops: a sensor's memory is small too."""
_KEEPALIVE_S = 30

SILENCE_PREFIX = "cityops-sim/silence/"
"""``cityops-sim/silence/<device_id>`` with ``on`` or ``off`` (retained or not) mutes one
simulated device or lets it speak again. It is no part of the city's contract."""

_log = logging.getLogger(__name__)


class Connection:
    """One MQTT connection, reconnecting by itself, with a bounded queue."""

    def __init__(
        self,
        mqtt_url: str,
        client_id: str,
        on_silence: Callable[[str, bool], None] | None,
        tls: Tls | None = None,
    ) -> None:
        """Begin to connect; ``on_silence(device_id, on)`` is called on paho's thread."""
        url = BrokerAddress.parse(mqtt_url)
        self._on_silence = on_silence
        self._room = threading.Semaphore(QUEUED_AT_MOST)
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        if url.username:
            client.username_pw_set(url.username, url.password or None)
        if url.tls:
            trust = tls or Tls()
            client.tls_set(trust.ca or None, trust.client_certificate or None, trust.client_key or None)  # pyright: ignore[reportUnknownMemberType]
        # Our own bound stands for paho's, which walks the whole queue at every acknowledgement.
        client.max_inflight_messages_set(0)
        client.reconnect_delay_set(1, 15)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        client.on_publish = self._published
        self._client = client
        self.connected = threading.Event()
        client.connect_async(url.host, url.port, keepalive=_KEEPALIVE_S, properties=_session())
        client.loop_start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, wait_s: float = 1.0) -> bool:
        """Queue a message at QoS 1; False where the queue stayed full for ``wait_s``."""
        if not self._room.acquire(timeout=wait_s):
            return False
        self._client.publish(topic, payload, qos=1, retain=retain)
        return True

    def drain(self, wait_s: float) -> bool:
        """Wait until the broker has everything; whether it has."""
        if not self.connected.is_set():
            return False
        taken = 0
        while taken < QUEUED_AT_MOST and self._room.acquire(timeout=wait_s):
            taken += 1
        if taken:
            self._room.release(taken)
        return taken == QUEUED_AT_MOST

    def close(self) -> None:
        """Say goodbye and stop the network thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(
        self, client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            _log.warning("the broker refused the simulator: %s", reason)
            return
        self.connected.set()
        if self._on_silence is not None:
            client.subscribe(SILENCE_PREFIX + "+", qos=1)

    def _disconnected(
        self,
        _client: mqtt.Client,
        _data: object,
        _flags: object,
        reason: ReasonCode,
        _properties: object,
    ) -> None:
        if self.connected.is_set():
            _log.info("disconnected from the broker: %s", reason)
        self.connected.clear()

    def _published(self, *_: object) -> None:
        self._room.release()

    def _message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        device_id = message.topic.removeprefix(SILENCE_PREFIX)
        word = message.payload.strip().lower()
        if self._on_silence is None or DEVICE_ID.fullmatch(device_id) is None or word not in (b"on", b"off"):
            _log.warning("not understood on %s", message.topic[:120])
            return
        self._on_silence(device_id, word == b"on")


def _session() -> Properties:
    """A session that outlives a dropped connection for a minute."""
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 60
    return properties


class Publisher:
    """A fleet's messages over a few connections."""

    def __init__(self, mqtt_url: str, fleet: Sequence[Device], name: str, tls: Tls | None = None) -> None:
        """``name`` begins the client ids, so that two simulators do not push each other out."""
        self._muted: set[str] = set()
        count = min(MOST_CONNECTIONS, -(-len(fleet) // DEVICES_PER_CONNECTION))
        self._connections = [
            Connection(mqtt_url, f"{name}-{number}", self._silence if number == 0 else None, tls)
            for number in range(max(1, count))
        ]
        self._fleet = fleet
        self._topics = [telemetry_topic(device.domain, device.device_id) for device in fleet]
        self._statuses = [status_topic(device.domain, device.device_id) for device in fleet]

    def _silence(self, device_id: str, on: bool) -> None:
        (self._muted.add if on else self._muted.discard)(device_id)
        _log.info("%s is %s", device_id, "silenced by hand" if on else "heard again")

    def wait_connected(self, wait_s: float, stop: threading.Event) -> bool:
        """Wait until every connection stands, ``stop`` is set or the time is up; whether they do."""
        until_s = time.monotonic() + wait_s
        for connection in self._connections:
            while not connection.connected.wait(0.1):
                if stop.is_set() or time.monotonic() > until_s:
                    return False
        return True

    def announce(self, status: bytes) -> None:
        """Publish every device's retained status (``online`` or ``offline``)."""
        for place, topic in enumerate(self._statuses):
            self._of(place).publish(topic, status, retain=True)

    def send(self, place: int, payload: bytes) -> bool:
        """A message of the device at ``place``; False where it is muted or the queue is full."""
        if self._fleet[place].device_id in self._muted:
            return False
        return self._of(place).publish(self._topics[place], payload)

    def close(self, wait_s: float = 5.0) -> None:
        """Publish ``offline`` for all, wait for the broker to have it, and disconnect."""
        if all(connection.connected.is_set() for connection in self._connections):
            self.announce(b"offline")
            for connection in self._connections:
                connection.drain(wait_s)
        self.disconnect()

    def disconnect(self) -> None:
        """Drop the connections without a word."""
        for connection in self._connections:
            connection.close()

    @property
    def connections(self) -> int:
        """How many connections the fleet shares."""
        return len(self._connections)

    def _of(self, place: int) -> Connection:
        return self._connections[place % len(self._connections)]
