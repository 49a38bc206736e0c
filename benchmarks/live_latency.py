"""From `mosquitto_pub` to an open page: how long until the value is seen.

    python benchmarks/live_latency.py [--n 40]

Needs a running `make demo` (found through `cityops status --json`) and Chromium. Opens the
page of one device, publishes distinct values to it one at a time, and notes when the text
on the page changes to each. In the same run a plain MQTT subscriber notes when the broker
hands each message on: the floor under any way to a screen.
"""

from __future__ import annotations

import argparse
import atexit
import json
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dashboard.auth.client import COOKIE, sign_in
from launch.addresses import with_addresses
from launch.config import load_settings
from launch.engines.accounts import Account
from telemetry.addresses import BrokerAddress
from tests.fix_mqtt import mosquitto_program

LIMIT_S = 1.0
DEVICE = "traffic-dien-bien-phu-01"
METRIC = "speed_kmh"

# Notes the wall clock whenever the shown text changes; the page and we share the clock.
OBSERVE = """
(id) => {
    window.__seen = {};
    const place = `#overview-drawer-values [data-stream-id="${id}"] .value__number`;
    const shown = () => document.querySelector(place);
    const note = () => {
        const text = shown()?.textContent ?? "";
        const number = text.match(/-?[0-9.]+/);
        if (number && !(number[0] in window.__seen)) window.__seen[number[0]] = Date.now() / 1000;
    };
    new MutationObserver(note).observe(document.body, {subtree: true, childList: true, characterData: true});
    note();
    return shown() !== null;
}
"""


def status() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "launch", "status", "--json"], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def session(url: str) -> str:
    """A session of a viewer who is made for this run, and barred by its end."""
    name, password = f"bench-{secrets.token_hex(4)}", secrets.token_urlsafe()
    command = [sys.executable, "-m", "launch", "user"]
    subprocess.run(
        [*command, "add", name, "--role", "viewer", "--password-stdin"],
        input=password, text=True, check=True, capture_output=True,
    )  # fmt: skip
    atexit.register(subprocess.run, [*command, "disable", name], capture_output=True, check=False)
    return sign_in(url, name, password)


def stream_of(page: Page, url: str, device: str) -> int:
    streams = page.request.get(f"{url}/api/v1/streams?device={device}").json()
    rows = streams if isinstance(streams, list) else streams["streams"]
    return next(row["stream_id"] for row in rows if row["metric"] == METRIC and row["device_id"] == device)


def publish(broker: BrokerAddress, topic: str, value: float) -> float:
    payload = json.dumps({"ts": time.time_ns() // 1_000_000, METRIC: value})
    program = mosquitto_program("mosquitto_pub")
    sent_at = time.time()
    if program is None:
        raise SystemExit("mosquitto_pub is neither on PATH nor in the private Debian root")
    subprocess.run(
        [
            *program, "-h", broker.host, "-p", str(broker.port), "-u", broker.username, "-P", broker.password,
            "-V", "5", "-q", "1", "-t", topic, "-m", payload,
        ],
        check=True,
    )  # fmt: skip
    return sent_at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=40, help="how many values to publish")
    parser.add_argument("--device", default=DEVICE)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "/usr/bin/chromium")
    arguments = parser.parse_args()
    now = status()
    url = now["http_url"]
    signed = with_addresses(load_settings(), database=False, account=Account.ADMIN)
    broker = BrokerAddress.parse(signed.mqtt_url or "")
    topic = f"city/traffic/{arguments.device}/telemetry"
    handed_on: dict[float, float] = {}

    def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
        handed_on.setdefault(json.loads(message.payload)[METRIC], time.time())

    subscriber = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    subscriber.on_message = on_message
    subscriber.username_pw_set(broker.username, broker.password)
    subscriber.connect(broker.host, broker.port)
    subscriber.subscribe(topic, qos=1)
    subscriber.loop_start()
    sent: dict[float, float] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=arguments.chromium,
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        context.add_cookies([{"name": COOKIE, "value": session(url), "url": url}])
        page = context.new_page()
        stream_id = stream_of(page, url, arguments.device)
        page.goto(f"{url}/?device={arguments.device}&lang=en")
        page.wait_for_selector(f'[data-stream-id="{stream_id}"]')
        page.evaluate(OBSERVE, stream_id)
        for i in range(arguments.n):
            value = round(100.1 + i * 0.3, 1)
            sent[value] = publish(broker, topic, value)
            page.wait_for_function("v => String(v) in window.__seen", arg=f"{value:.1f}", timeout=20_000)
        seen = page.evaluate("window.__seen")
        browser.close()
    subscriber.loop_stop()
    to_page = [seen[f"{value:.1f}"] - at for value, at in sent.items()]
    to_subscriber = [handed_on[value] - at for value, at in sent.items() if value in handed_on]
    median, floor = statistics.median(to_page), statistics.median(to_subscriber)
    p95 = statistics.quantiles(to_page, n=20)[-1]
    print(f"{'mosquitto_pub to …':<34}{'median ms':>10}{'p95 ms':>8}")
    print(f"{'a plain subscriber (floor)':<34}{floor * 1e3:10.0f}")
    print(f"{'the open page, committed first':<34}{median * 1e3:10.0f}{p95 * 1e3:8.0f}")
    print(f"ratio to the limit of {LIMIT_S:g} s: {median / LIMIT_S:.2f}; to the floor: {median / floor:.1f}")


if __name__ == "__main__":
    main()
