"""The simulator on a real broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from device_sims import truth
from device_sims.options import SimOptions
from device_sims.publisher import SILENCE_PREFIX, Publisher
from device_sims.service import run
from telemetry.city import City
from telemetry.errors import ConfigError
from telemetry.payloads import decode
from telemetry.settings import Settings
from telemetry.topics import STATUS, parse_topic
from tests.fix_mqtt import connect, mosquitto_pub

DEADLINE_S = 60.0


@dataclass
class Listener:
    """Everything published under ``city/``."""

    client: paho.Client
    heard: list[tuple[str, bytes, bool]] = field(default_factory=list)

    def of(self, device_id: str, leaf: str) -> list[bytes]:
        return [payload for topic, payload, _ in list(self.heard) if topic.endswith(f"/{device_id}/{leaf}")]


@pytest.fixture
def listener(broker_url: str) -> Iterator[Listener]:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    found = Listener(client)
    ready = threading.Event()
    client.on_connect = lambda *_: client.subscribe("city/#", qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _c, _d, m: found.heard.append((m.topic, m.payload, m.retain))
    connect(client, broker_url)
    client.loop_start()
    assert ready.wait(DEADLINE_S)
    yield found
    client.disconnect()
    client.loop_stop()


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def small_city(city: City) -> City:
    """Twelve devices with ids of their own: the broker is shared by tests."""
    some = [replace(d, device_id=f"simtest-{d.device_id}"[:64], interval_s=0.5) for d in city.devices[::51]]
    return replace(city, devices=tuple(some), thresholds=(), alarm_levels={})


def test_the_service_publishes_until_it_is_stopped(
    broker_url: str, listener: Listener, small_city: City, tmp_path: Path
) -> None:
    settings = Settings(mqtt_url=broker_url, data_dir=str(tmp_path))
    stop = threading.Event()
    names = [device.device_id for device in small_city.devices]
    thread = threading.Thread(target=run, args=(settings, small_city, SimOptions(scenario="none"), stop))
    thread.start()
    try:
        wait_for(lambda: all(len(listener.of(name, "telemetry")) >= 2 for name in names))
        wait_for(lambda: all(listener.of(name, STATUS) == [b"online"] for name in names))
        for topic, payload, _ in list(listener.heard):
            taken = parse_topic(topic)
            if taken.device_id in names and taken.leaf != STATUS:
                assert abs((decode(payload)[0].time or 0) / 1e6 - time.time()) < 30
    finally:
        stop.set()
        thread.join(DEADLINE_S)
    assert not thread.is_alive()
    wait_for(lambda: all(listener.of(name, STATUS)[-1] == b"offline" for name in names))


def test_a_device_can_be_silenced_by_hand_and_heard_again(
    broker_url: str, listener: Listener, small_city: City, tmp_path: Path
) -> None:
    settings = Settings(mqtt_url=broker_url, data_dir=str(tmp_path))
    stop = threading.Event()
    mute, other = (device.device_id for device in small_city.devices[:2])
    thread = threading.Thread(target=run, args=(settings, small_city, SimOptions(scenario="none"), stop))
    thread.start()
    try:
        wait_for(lambda: listener.of(mute, "telemetry"))
        mosquitto_pub(broker_url, SILENCE_PREFIX + mute, "on")
        mosquitto_pub(broker_url, SILENCE_PREFIX + "../../nasty", "on")
        mosquitto_pub(broker_url, SILENCE_PREFIX + other, "perhaps")

        def is_mute() -> bool:
            before, at = len(listener.of(mute, "telemetry")), len(listener.of(other, "telemetry"))
            wait_for(lambda: len(listener.of(other, "telemetry")) >= at + 4)
            return len(listener.of(mute, "telemetry")) == before

        wait_for(is_mute)
        count = len(listener.of(mute, "telemetry"))
        mosquitto_pub(broker_url, SILENCE_PREFIX + mute, "off")
        wait_for(lambda: len(listener.of(mute, "telemetry")) > count)
    finally:
        stop.set()
        thread.join(DEADLINE_S)


def test_the_truth_is_written_beside_the_stream(broker_url: str, city: City, tmp_path: Path) -> None:
    settings = Settings(mqtt_url=broker_url, data_dir=str(tmp_path))
    stop = threading.Event()
    options = SimOptions(devices=1, scenario="demo")
    thread = threading.Thread(target=run, args=(settings, city, options, stop))
    thread.start()
    try:
        wait_for(lambda: len(truth.read(tmp_path / truth.FILE)) >= 5)
    finally:
        stop.set()
        thread.join(DEADLINE_S)
    assert {truth.FLOOD, truth.ACCIDENT, truth.POLLUTION} <= {
        t.kind for t in truth.read(tmp_path / truth.FILE)
    }


def test_many_devices_share_few_connections(broker_url: str, city: City) -> None:
    publisher = Publisher(broker_url, city.devices, "simtest-few")
    try:
        assert publisher.wait_connected(DEADLINE_S, threading.Event())
        assert 2 <= publisher.connections <= 8
    finally:
        publisher.disconnect()


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        pytest.param(Settings(), SimOptions(), id="no broker"),
        pytest.param(Settings(mqtt_url="http://127.0.0.1"), SimOptions(), id="not mqtt"),
        pytest.param(Settings(mqtt_url="mqtt://127.0.0.1:1"), SimOptions(rate=0.0), id="no rate"),
    ],
)
def test_what_cannot_work_is_said(city: City, settings: Settings, options: SimOptions) -> None:
    with pytest.raises(ConfigError):
        run(settings, city, options, threading.Event())


def test_a_stop_before_the_broker_answers_ends_the_service(city: City, tmp_path: Path) -> None:
    stop = threading.Event()
    settings = Settings(mqtt_url="mqtt://127.0.0.1:1", data_dir=str(tmp_path))
    thread = threading.Thread(target=run, args=(settings, city, SimOptions(), stop))
    thread.start()
    stop.set()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
