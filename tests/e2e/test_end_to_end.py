"""The whole way, on real parts: `mosquitto_pub` to the API, the live feed, the page and an alert."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import expect
from websockets.sync.client import connect as connect_socket

from dashboard.auth.client import COOKIE
from launch.config import load_city
from launch.ports import free_port
from launch.services import ALWAYS, service_environment
from store import devices, pool
from telemetry.city import City
from telemetry.devices import Device
from telemetry.settings import Settings
from telemetry.topics import telemetry_topic
from tests.fix_browser import remember_session, visit
from tests.fix_mqtt import MakeBroker, connect, mosquitto_pub

# Of the platform's alerts about itself: as told by default, but in seconds.
SETTINGS = """
[platform]
window_s = 1.0
hold_s = 1.0
clear_s = 1.0
"""


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 60.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(0.05)
    return found


@dataclass(frozen=True)
class RunningCity:
    """Ingest, analytics and dashboard as processes of their own, as an installation runs them."""

    url: str
    broker_url: str
    city: City
    cookie: dict[str, str]

    def publish(self, device: Device, **values: float) -> None:
        mosquitto_pub(self.broker_url, telemetry_topic(device.domain, device.device_id), json.dumps(values))

    def get(self, path: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", timeout=60, headers=self.cookie)
        answer.raise_for_status()
        return answer.json()

    def device(self, kind: str) -> Device:
        return next(device for device in self.city.devices if device.kind == kind)

    def stream_id(self, device: Device, metric: str) -> int:
        rows = self.get(f"streams?device={device.device_id}")
        return next(row["stream_id"] for row in rows if row["metric"] == metric)


@pytest.fixture(scope="module")
def city(
    database_url: str, make_broker: MakeBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningCity]:
    folder = tmp_path_factory.mktemp("city")
    broker_url = make_broker().url  # its own: retained messages of other tests would be heard here
    settings = Settings(http_port=free_port(), data_dir=str(folder), ingestor="e2e")
    profile = load_city(settings)
    with pool.connect(database_url, name="test") as conn:
        devices.upsert_devices(conn, profile.devices)
    environment = service_environment(settings, database_url, broker_url)
    file = folder / "cityops.toml"
    file.write_text(SETTINGS)
    command = [sys.executable, "-m", "launch", "--config", str(file)]
    processes = [
        _start([*command, *service.arguments], environment, folder / f"{service.name}.log")
        for service in ALWAYS
    ]
    url = f"http://127.0.0.1:{settings.http_port}"
    try:
        wait_for(lambda: _is_ready(url), f"the dashboard; its log is in {folder}")
        running = RunningCity(url, broker_url, profile, _sign_in(url, database_url))
        wait_for(lambda: _all_beat(database_url), f"every service; logs are in {folder}")
        yield running
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(60)


def _start(command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as sink:
        return subprocess.Popen(command, env=environment | dict(os.environ), stdout=sink, stderr=sink)


def _sign_in(url: str, database_url: str) -> dict[str, str]:
    """Make a person at the command line, and sign in as a browser's form does."""
    command = [sys.executable, "-m", "launch", "user", "add", "tester", "--role", "administrator"]
    subprocess.run(
        [*command, "--password-stdin"],
        env=os.environ | {"DATABASE_URL": database_url},
        input="a long enough secret\n",
        text=True,
        capture_output=True,
        check=True,
        timeout=60,
    )
    form = {"username": "tester", "password": "a long enough secret"}
    answer = httpx.post(f"{url}/sign-in", data=form, timeout=60)
    assert answer.status_code == 303, answer.text
    token = answer.cookies[COOKIE]
    remember_session(url, token)
    return {"cookie": f"{COOKIE}={token}"}


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _all_beat(database_url: str) -> bool:
    query = "SELECT name, detail FROM service"
    with pool.connect(database_url, name="test") as conn:
        beats = dict(conn.execute(query).fetchall())
    broker = next((beat.get("broker") for name, beat in beats.items() if name.startswith("ingest")), None)
    scoring = beats.get("analytics", {}).get("state") == "scoring"
    return broker == "connected" and scoring and "dashboard" in beats


def test_a_published_value_arrives_at_the_api(city: RunningCity) -> None:
    gauge = city.device("tide_gauge")
    stream = city.stream_id(gauge, "water_level_m")
    city.publish(gauge, water_level_m=-0.137)

    def arrived() -> bool:
        return any(
            row["stream_id"] == stream and row["value"] == -0.137 for row in city.get("readings/latest")
        )

    wait_for(arrived, "the value among the latest")
    series = city.get(f"readings?stream={stream}&max_points=10")
    assert series["values"][-1] == -0.137
    assert series["unit"] == "m"


def test_a_published_value_arrives_on_the_socket(city: RunningCity) -> None:
    gauge = city.device("tide_gauge")
    stream = city.stream_id(gauge, "water_level_m")
    address = city.url.replace("http", "ws") + "/ws/live"
    with connect_socket(address, origin=city.url, additional_headers=city.cookie) as socket:
        city.publish(gauge, water_level_m=-0.246)
        deadline = time.monotonic() + 60
        seen: list[float] = []
        while -0.246 not in seen:
            frame = json.loads(socket.recv(timeout=max(0.1, deadline - time.monotonic())))
            seen += [row[2] for row in frame.get("readings", ()) if row[0] == stream]


def test_a_published_value_arrives_on_the_page(city: RunningCity, browser: Any) -> None:
    gauge = city.device("tide_gauge")
    stream = city.stream_id(gauge, "water_level_m")
    with visit(browser, f"{city.url}/?device={gauge.device_id}&lang=vi") as page:
        number = page.locator(f'#overview-drawer-values [data-stream-id="{stream}"] .value__number')
        expect(number).to_be_visible(timeout=60_000)
        for value, text in ((1.23, "1,23"), (1.19, "1,19")):
            city.publish(gauge, water_level_m=value)
            expect(number).to_have_text(text, timeout=60_000)


def test_a_flood_opens_an_alert_that_the_page_shows_and_its_end_resolves_it(
    city: RunningCity, browser: Any
) -> None:
    street = city.device("flood_gauge")
    now_ms = time.time_ns() // 1_000_000
    for age_s in range(240, -1, -30):
        city.publish(street, ts=now_ms - age_s * 1_000, water_level_m=0.62)

    def alerts(status: str) -> list[dict[str, Any]]:
        return city.get(f"alerts?device={street.device_id}&status={status}")

    (alert,) = wait_for(lambda: alerts("open"), "an alert")
    assert alert["domain"] == "drainage"
    assert alert["severity"] == "critical"
    with visit(browser, f"{city.url}/?lang=vi") as page:
        in_feed = page.locator(f'.alert[data-device="{street.device_id}"]')
        expect(in_feed).to_contain_text(street.name_vi, timeout=60_000)
        _end_the_flood(city, street, now_ms)
        wait_for(lambda: alerts("resolved"), "the alert to be resolved")
        expect(in_feed).to_have_count(0, timeout=60_000)
    assert alerts("open") == []


def _end_the_flood(city: RunningCity, street: Device, now_ms: int) -> None:
    for offset_s in range(5, 126, 30):
        city.publish(street, ts=now_ms + offset_s * 1_000, water_level_m=0.0)


def test_what_cannot_be_used_is_in_quarantine(city: RunningCity, database_url: str) -> None:
    mosquitto_pub(city.broker_url, "city/traffic/nobody/telemetry", '{"speed_kmh": 1}')

    def kept() -> list[tuple[str, str]]:
        with pool.connect(database_url, name="test") as conn:
            return conn.execute("SELECT topic, reason FROM quarantine").fetchall()

    assert wait_for(kept, "the quarantine") == [("city/traffic/nobody/telemetry", "device")]


def test_the_command_line_knows_the_services(city: RunningCity, database_url: str, tmp_path: Path) -> None:
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "MQTT_URL": city.broker_url,
        "CITYOPS_DATA_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "launch", "status", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    status = json.loads(done.stdout)
    assert {service["name"].split()[0] for service in status["services"]} >= {
        "ingest",
        "analytics",
        "dashboard",
    }


def test_a_flood_of_messages_that_cannot_be_used_opens_an_alert_about_the_platform_that_ends_with_it(
    city: RunningCity,
) -> None:
    gauge = city.device("tide_gauge")
    topic = telemetry_topic(gauge.domain, gauge.device_id)

    def alerts(status: str) -> list[dict[str, Any]]:
        return city.get(f"alerts?domain=platform&status={status}")

    assert alerts("open") == []
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    connect(client, city.broker_url)
    client.loop_start()

    def alert_amid_the_flood() -> list[dict[str, Any]]:
        for i in range(10):
            client.publish(topic, '{"water_level_m": "high"}' if i % 2 else '{"water_level_m": 0.5}', qos=1)
        return alerts("open")

    try:
        (alert,) = wait_for(alert_amid_the_flood, "an alert about the platform")
    finally:
        client.disconnect()
        client.loop_stop()
    assert (alert["rule"], alert["device_id"]) == ("quarantine_rate", "cityops")
    (over,) = wait_for(lambda: alerts("resolved"), "it to be resolved")
    assert over["alert_id"] == alert["alert_id"]
    assert alerts("open") == []
