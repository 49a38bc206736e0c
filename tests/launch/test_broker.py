import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from launch.engines import choose_broker
from launch.engines.broker import Mosquitto, PrivateBroker
from launch.engines.tiers import Tier
from launch.engines.wheel_broker import IN_FLIGHT, protocol_level
from launch.ports import free_port
from launch.processes import Guard
from tests.fix_engines import surroundings, why_not
from tests.fix_mqtt import connect, mosquitto_pub

TOPIC = "city/traffic/cam-1/telemetry"


@pytest.fixture(scope="module", params=[Tier.CHROOT, Tier.WHEELS], ids=str)
def private_broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, guard: Guard
) -> Iterator[PrivateBroker]:
    if reason := why_not(request.param):
        pytest.skip(f"tier {request.param}: {reason}")
    folder = tmp_path_factory.mktemp("broker")
    broker = choose_broker(surroundings(folder, guard, tier=request.param), free_port())
    assert isinstance(broker, PrivateBroker)
    broker.start()
    yield broker
    broker.stop()


class Listener:
    """A subscriber as `ingest` is one: MQTT 5, a session that is kept, acknowledging by hand."""

    def __init__(self, url: str, name: str, *, acknowledge: bool = True, in_flight: int = 50) -> None:
        self.got: list[bytes] = []
        self.ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5, manual_ack=True)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        properties.ReceiveMaximum = in_flight
        self._acknowledge = acknowledge
        self._client.on_connect = lambda client, *_: client.subscribe("city/+/+/telemetry", 1)
        self._client.on_subscribe = lambda *_: self.ready.set()
        self._client.on_message = self._receive
        connect(self._client, url, clean_start=False, properties=properties)
        self._client.loop_start()
        assert self.ready.wait(60)

    def _receive(self, client: Any, _data: object, message: paho.MQTTMessage) -> None:
        self.got.append(message.payload)
        if self._acknowledge:
            client.ack(message.mid, message.qos)

    def wait_for(self, count: int, timeout_s: float = 60.0) -> list[bytes]:
        deadline = time.monotonic() + timeout_s
        while len(self.got) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.got

    def vanish(self) -> None:
        """Go as a crash would: without a word, acknowledging nothing more."""
        self._client.loop_stop()
        sock = self._client.socket()
        assert sock is not None
        sock.close()

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _publish(url: str, count: int, protocol: Any = paho.MQTTv5) -> list[bytes]:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=protocol)
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    connect(client, url)
    client.loop_start()
    assert connected.wait(60)
    payloads = [b"%d" % n for n in range(count)]
    for sent in [client.publish(TOPIC, payload, 1) for payload in payloads]:
        sent.wait_for_publish(20)
    client.disconnect()
    client.loop_stop()
    return payloads


def test_what_comes_while_a_session_is_away_waits_for_it(private_broker: PrivateBroker):
    listener = Listener(private_broker.url, "away")
    listener.vanish()
    sent = _publish(private_broker.url, 300)
    listener = Listener(private_broker.url, "away")
    assert listener.wait_for(300) == sent
    listener.leave()


def test_what_was_not_acknowledged_comes_again(private_broker: PrivateBroker):
    # Receive Maximum: never more in flight than was asked for. rumqttd has a number of its own.
    in_flight = 50 if isinstance(private_broker, Mosquitto) else IN_FLIGHT
    crashing = Listener(private_broker.url, "crashing", acknowledge=False, in_flight=50)
    sent = _publish(private_broker.url, 200)
    assert crashing.wait_for(in_flight) == sent[:in_flight]
    crashing.vanish()
    assert len(crashing.got) == in_flight
    recovered = Listener(private_broker.url, "crashing")
    assert sorted(recovered.wait_for(200), key=int) == sent
    recovered.leave()


@pytest.mark.parametrize("protocol", [paho.MQTTv31, paho.MQTTv311, paho.MQTTv5], ids=["3.1", "3.1.1", "5"])
def test_one_port_serves_devices_of_every_version(private_broker: PrivateBroker, protocol: Any):
    if protocol == paho.MQTTv31 and not isinstance(private_broker, Mosquitto):
        pytest.skip("rumqttd does not know MQTT 3.1")
    listener = Listener(private_broker.url, f"versions-{protocol}")
    assert _publish(private_broker.url, 20, protocol) == listener.wait_for(20)
    listener.leave()


def test_mosquitto_pub_is_heard(private_broker: PrivateBroker):
    listener = Listener(private_broker.url, "shell")
    mosquitto_pub(private_broker.url, TOPIC, '{"speed_kmh": 31.5}')
    assert listener.wait_for(1) == [b'{"speed_kmh": 31.5}']
    listener.leave()


def test_a_queue_outlives_a_restart_of_mosquitto(durable_broker: PrivateBroker):
    listener = Listener(durable_broker.url, "patient")
    listener.vanish()
    sent = _publish(durable_broker.url, 100)
    durable_broker.stop()
    durable_broker.start()
    listener = Listener(durable_broker.url, "patient")
    assert listener.wait_for(100) == sent
    listener.leave()


def test_the_broker_does_not_run_as_root(private_broker: PrivateBroker):
    assert private_broker.identity is not None
    assert Path(f"/proc/{private_broker.identity.pid}").stat().st_uid != 0


V5 = bytes.fromhex("100e00044d51545405")
V311 = bytes.fromhex("100e00044d51545404")
LONG = bytes.fromhex("10ff7f00044d51545405")


@pytest.mark.parametrize(
    ("head", "level"), [(V5, 5), (V311, 4), (LONG, 5)], ids=["5", "3.1.1", "long packet"]
)
def test_the_version_is_read_from_the_first_bytes(head: bytes, level: int):
    assert protocol_level(head) == level
    assert [protocol_level(head[:n]) for n in range(len(head))] == [None] * len(head)


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.1", bytes([0x10, 0xFF, 0xFF, 0xFF, 0xFF]), bytes([0x10, 0x0E, 0xFF, 0xFF])]
)
def test_what_is_no_connect_packet_is_refused(head: bytes):
    with pytest.raises(ValueError, match=r"CONNECT|malformed"):
        protocol_level(head)
