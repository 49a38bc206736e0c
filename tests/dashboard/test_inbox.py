"""The inbox and quarantine in a browser and over the interface; and clocks that are off."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.faults import offset_text
from dashboard.languages import load_languages
from ingest.message import Message
from ingest.replay import Replayer
from ingest.writer import Writer
from store import audit, clocks, devices, ledger, pool
from telemetry.devices import DeviceClock
from telemetry.settings import Ingest
from tests.dashboard.conftest import AIR, GAUGE, SCRIPT, Town, wait_for
from tests.fix_browser import complaints, visit

GHOST = "ghost-1"
_CLEAN = (
    "DELETE FROM quarantine WHERE claimed IN ('ghost-1', 'level-phu-an')",
    "DELETE FROM reading WHERE stream_id IN (SELECT stream_id FROM stream WHERE device_id = 'ghost-1')",
    "DELETE FROM reading_batch WHERE ingestor IN ('live', 'replaying')",
    "DELETE FROM stream WHERE device_id = 'ghost-1'",
    "DELETE FROM device WHERE device_id = 'ghost-1'",
    "DELETE FROM ledger WHERE ingestor IN ('live', 'replaying', 'people')",
)


@pytest.fixture
def ingest(town: Town) -> Iterator[Writer]:
    """Ingest as far as it matters here: a writer, and replays done beside it. The town is left as it was."""
    stop, url = threading.Event(), town.settings.database_url or ""
    with pool.connect(url, name="ingest") as own, pool.connect(url, name="feed") as other:

        def serve() -> None:
            replayer = Replayer(Writer(own, "replaying", Ingest()))
            while not stop.is_set():
                if not replayer.do_some():
                    stop.wait(0.05)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Writer(other, "live", Ingest())
        stop.set()
        thread.join(60)
        with town.conn.transaction():
            for statement in _CLEAN:
                town.conn.execute(statement)


def message(body: object, device_id: str = GHOST, i: int = 0) -> Message:
    now = datetime.now(UTC).timestamp()
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    topic = f"city/{'drainage' if device_id == GAUGE else 'energy'}/{device_id}/telemetry"
    return Message(topic, payload, int(now * 1e6) + i, 1, 1, 0)


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def committed(town: Town, device_id: str) -> int:
    account = ledger.by_device(town.conn).get(device_id)
    town.conn.commit()
    return account.committed if account else 0


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_device_is_adopted_with_two_clicks(browser: Any, town: Town, ingest: Writer, language: str) -> None:
    ingest.write([message({"ts": now_ms() - i * 1000, "voltage_v": 230 + i, "odd": 1}) for i in range(3)])
    with visit(browser, f"{town.url}/inbox?lang={language}") as page:
        page.click(f"[data-adopt='{GHOST}']")
        page.wait_for_selector("dialog[open]")
        assert page.locator("dialog [name=domain]").input_value() == "energy"
        assert page.locator("dialog [name=metrics]").input_value() == "voltage_v"
        assert complaints(page) == []
        page.fill("dialog [name=name_vi]", SCRIPT[:100])
        page.fill("dialog [name=lat]", "10.75")
        page.fill("dialog [name=lon]", "106.67")
        page.click("dialog .button--main")
        page.wait_for_function("() => document.querySelector('#inbox-said').textContent.includes(' 3 ')")
        wait_for(lambda: committed(town, GHOST) == 3)
        assert page.evaluate("window.hacked") is None
    device = devices.get_device(town.conn, GHOST)
    town.conn.commit()
    assert (device.name_vi, device.lat, device.zone) == (SCRIPT[:100], 10.75, "774")


def test_a_message_is_tried_mended_and_dropped_on_the_page(browser: Any, town: Town, ingest: Writer) -> None:
    ingest.write([message({"ts": now_ms(), "level": 1.5}, GAUGE), message(b"{" + SCRIPT.encode(), GAUGE)])
    # A time that the town's own tide does not have.
    mended = json.dumps({"ts": now_ms() - 12_345, "water_level_m": 1.25})
    with visit(browser, town.url + "/quarantine?lang=en&q=level") as page:
        row = page.locator("tr", has_text="level").filter(has_text="Unknown measurement")
        row.locator("[data-act=mend]").click()
        page.wait_for_selector("dialog[open]")
        page.fill("dialog textarea", mended)
        page.click("dialog button[value=try]")
        page.wait_for_function(
            "() => document.querySelector('#quarantine-said').textContent.includes('would')"
        )
        assert committed(town, GAUGE) == 0
        row.locator("[data-act=mend]").click()
        page.fill("dialog textarea", mended)
        page.click("dialog button[value=do]")
        page.wait_for_function(
            "() => document.querySelector('#quarantine-said').textContent.includes('1 messages left')"
        )
        assert committed(town, GAUGE) == 1
        row.wait_for(state="detached")  # a list drawn anew forgets that a button waits to be sure
        bad = page.locator("tr", has_text="Not JSON")
        bad.locator("[data-act=drop]").click()
        bad.locator("[data-act=drop][data-sure]").click()
        page.wait_for_function(
            "() => document.querySelector('#quarantine-said').textContent.includes('dropped')"
        )
    actions = [(entry.actor, entry.action) for entry in audit.list_entries(town.conn, 2)]
    town.conn.commit()
    assert actions == [("administrator", "quarantine.drop"), ("administrator", "quarantine.replay")]


def test_the_interface_adopts_mends_and_drops(town: Town, ingest: Writer) -> None:
    ingest.write([message({"ts": now_ms(), "voltage_v": 230}), message(b"\xff", GAUGE)])
    with town.as_role("engineer") as client:
        (waiting,) = client.get("/api/v1/inbox").json()
        assert (waiting["name"], waiting["domain"], waiting["metrics"]) == (GHOST, "energy", ["voltage_v"])
        wrong = client.post(f"/api/v1/inbox/{GHOST}/adopt", json={"zone": "nowhere"})
        assert (wrong.status_code, "no zone" in wrong.json()["detail"]) == (422, True)
        assert client.post("/api/v1/inbox/nobody/adopt").status_code == 404
        adopted = client.post(f"/api/v1/inbox/{GHOST}/adopt", json={"name_vi": "Ma"}).json()
        assert (adopted["waiting"], adopted["name"]) == (1, {"vi": "Ma", "en": "Ma"})
        path = f"/api/v1/replays/{adopted['replay_request_id']}"
        wait_for(lambda: client.get(path).json()["done_at"])
        assert client.get(path).json()["readings"] == 1
        assert client.post(f"/api/v1/inbox/{GHOST}/adopt").status_code in (404, 409)
        (row,) = client.get("/api/v1/quarantine", params={"device": GAUGE}).json()
        assert (row["payload"], row["payload_base64"]) == (None, "/w==")
        number = row["quarantine_id"]
        both = {"quarantine_ids": [number], "payload": "x", "payload_base64": "eA=="}
        assert client.post("/api/v1/quarantine/replay", json=both).status_code == 422
        many = {"quarantine_ids": [number, number + 1], "payload": "x"}
        assert client.post("/api/v1/quarantine/replay", json=many).status_code == 422
        assert client.post("/api/v1/quarantine/drop", json={"quarantine_ids": [number]}).json() == {
            "dropped": 1
        }
        assert client.get(f"/api/v1/quarantine/{number}").status_code == 404
    with town.as_role("operator") as client:
        assert client.get("/api/v1/inbox").status_code == 403
        assert client.post("/api/v1/quarantine/drop", json={"quarantine_ids": [1]}).status_code == 403


def test_a_clock_that_is_off_is_marked_on_both_pages_and_in_the_interface(browser: Any, town: Town) -> None:
    good = DeviceClock(AIR, -0.25, 0.1, 80, datetime.now(UTC))
    with town.conn.transaction():
        clocks.put_clocks(town.conn, [good, replace(good, device_id=GAUGE, offset_s=-3_700.0)])
    try:
        assert town.get(f"/api/v1/devices/{GAUGE}").json()["clock"]["off"] is True
        shown = {device["device_id"]: device["clock"] for device in town.get("/api/v1/devices").json()}
        assert (shown[AIR]["off"], shown[AIR]["offset_s"]) == (False, -0.25)
        with visit(browser, f"{town.url}/devices/{GAUGE}?lang=en") as page:
            page.wait_for_selector(".clock--off .mark--minor")
            assert "−62\u00a0min" in page.locator(".clock--off").inner_text()
            page.goto(town.url + "/devices?lang=en&q=" + GAUGE)
            page.wait_for_selector("[col-id=clock] .mark--minor")
    finally:
        with town.conn.transaction():
            town.conn.execute("DELETE FROM device_clock")


def test_an_offset_is_told_with_its_sign_in_units_that_fit() -> None:
    language = load_languages("Asia/Ho_Chi_Minh")["en"]
    said = [offset_text(seconds, language) for seconds in (0.01, 2.04, -31, 700, -40_000)]
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in said] == [
        "0.0 s",
        "+2.0 s",
        "−31 s",
        "+12 min",
        "−11 h",
    ]
