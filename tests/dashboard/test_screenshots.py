"""Pictures of the pages: none left out, each in both languages and both themes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dashboard.auth.client import COOKIE
from dashboard.pages import present
from dashboard.screenshots import README, every_picture, find_addresses
from telemetry.alerts import Severity
from telemetry.people import Role
from tests.dashboard.conftest import AIR, GAUGE, Town, wait_for


def test_every_page_is_photographed_in_every_way(browser: Any, town: Town):
    stream = town.stream(AIR, "pm2_5")
    picture = {"window": [1.0, 2.0], "reconstruction": [1.0, 1.0], "window_step_s": 300.0}
    alert = town.find("pictured", stream, rule="subspace", value=2.0, severity=Severity.INFO, **picture)
    wait_for(lambda: town.get(f"/api/v1/alerts/{alert}").status_code == 200)
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    label = {"kind": "flood", "devices": [GAUGE], "start": now_ms - 7_200_000, "end": now_ms}
    with town.as_role("engineer") as client:
        label_id = client.post("/api/v1/labels", json=label).json()["label_id"]
        # Other tests may have left younger labels, verdicts among them.
        labelled = {device for one in client.get("/api/v1/labels").json() for device in one["devices"]}
    context = browser.new_context()
    context.add_cookies([{"name": COOKIE, "value": town.token(Role.ADMINISTRATOR), "url": town.url}])
    try:
        addresses = find_addresses(town.url, context.request)
    finally:
        context.close()
        with town.as_role("engineer") as client:
            client.delete(f"/api/v1/labels/{label_id}")
    assert {page.module for page in present()} <= addresses.keys()
    assert {"device", "drawer", "alert", "sign-in"} <= addresses.keys()
    shown = parse_qs(urlsplit(addresses["explorer"]).query)["streams"][0].split(",")
    streams = town.get("/api/v1/streams").json()
    assert {one["device_id"] for one in streams if str(one["stream_id"]) in shown} <= labelled
    detail = town.get("/api/v1" + addresses["alert"]).json()["detail"]
    assert detail.keys() & {"window", "neighbours"}
    wanted = every_picture(list(addresses))
    ways = Counter(picture.page for picture in wanted if picture.width == 1366)
    assert set(ways.values()) == {4}
    assert set(README) <= set(wanted)
    assert len(README) <= 8
    assert len({picture.file for picture in wanted}) == len(wanted)
