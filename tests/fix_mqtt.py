"""Brokers for tests: one a session, and more for tests that kill theirs."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from launch.engines import choose_broker
from launch.engines.broker import Mosquitto, PrivateBroker
from launch.engines.debian_root import is_ready, root_path
from launch.ports import free_port
from launch.processes import Guard
from telemetry.addresses import BrokerAddress
from tests.fix_engines import engine_settings, surroundings

MakeBroker = Callable[[], PrivateBroker]


@pytest.fixture(scope="session")
def make_broker(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[MakeBroker]:
    """Starts brokers; `kill` and `start` one to see what outlives that."""
    made: list[PrivateBroker] = []
    numbers = count(1)

    def make() -> PrivateBroker:
        folder = tmp_path_factory.mktemp(f"broker-{next(numbers)}")
        broker = choose_broker(surroundings(folder, guard), free_port())
        assert isinstance(broker, PrivateBroker)
        broker.start()
        made.append(broker)
        return broker

    yield make
    for broker in made:
        broker.stop()


@pytest.fixture(scope="session")
def broker(make_broker: MakeBroker) -> PrivateBroker:
    """The broker that tests share: use topics and client ids of your own."""
    return make_broker()


@pytest.fixture(scope="session")
def broker_url(broker: PrivateBroker) -> str:
    """Address of the shared broker."""
    return broker.url


@pytest.fixture
def durable_broker(make_broker: MakeBroker) -> PrivateBroker:
    """A broker whose sessions outlive its death; skips where only rumqttd can be had."""
    broker = make_broker()
    if not isinstance(broker, Mosquitto):
        pytest.skip(f"no mosquitto: {broker.info.reason}")
    return broker


def mosquitto_program(name: str) -> list[str] | None:
    """The command for ``mosquitto_pub`` or ``mosquitto_sub``, installed or in the private Debian."""
    installed = shutil.which(name)
    if installed:
        return [installed]
    root = root_path(engine_settings())
    if is_ready(root) and Path("/").joinpath("usr/sbin/chroot").exists():
        return ["chroot", str(root), f"/usr/bin/{name}"]
    return None


def connect(client: paho.Client, broker_url: str, **options: Any) -> None:
    """Connect a client of a test to a broker's address, with the user in it."""
    address = BrokerAddress.parse(broker_url)
    if address.username:
        client.username_pw_set(address.username, address.password)
    client.connect(address.host, address.port, **options)


def mosquitto_pub(broker_url: str, topic: str, payload: str | bytes, qos: int = 1) -> None:
    """Publish one message as a device maker would from a shell; with paho where there is no mosquitto."""
    address = BrokerAddress.parse(broker_url)
    data = payload.encode() if isinstance(payload, str) else payload
    program = mosquitto_program("mosquitto_pub")
    if program is None:
        _publish(broker_url, topic, data, qos)
        return
    command = [*program, "-h", address.host, "-p", str(address.port), "-t", topic, "-q", str(qos), "-s"]
    if address.username:
        command += ["-u", address.username, "-P", address.password]
    subprocess.run(command, input=data, check=True, capture_output=True, timeout=60)


def _publish(broker_url: str, topic: str, data: bytes, qos: int) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    connect(client, broker_url)
    client.loop_start()
    try:
        assert connected.wait(60), "no connection to the broker"
        client.publish(topic, data, qos).wait_for_publish(10)
    finally:
        client.disconnect()
        client.loop_stop()
