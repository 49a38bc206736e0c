"""Script tags in every field that reaches a page, on every page: text, and nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from dashboard.pages import present
from launch.config import cities_path
from store import people
from store.quarantine import Refusal, put_refusals
from telemetry.alerts import Severity
from telemetry.city import DEVICES_FILE, REQUIRED, parse_city
from telemetry.errors import ConfigError
from telemetry.people import Role
from tests.dashboard.conftest import HOSTILE, SCRIPT, Town, wait_for
from tests.fix_browser import visit

NAMES = (
    "status severity domain assigned q sort order feed device streams road station feeder gauge day range "
    "start end kind zone state next"
)
ASKED = urlencode(dict.fromkeys(NAMES.split(), SCRIPT))
"""What the pages read from their address, and what they do not."""
SHOWN = {
    "/alerts": ".alerts__open",
    "/devices": ".ag-cell",
    "/quarantine": "#quarantine-place .sheet",
    "/inbox": "#inbox-place .sheet",
    "/administration": "#administration-keys",
}
"""Where the text of a script tag stands for all to read."""


@pytest.fixture(scope="module")
def wicked(town: Town) -> Iterator[int]:
    """Hostile text wherever anyone can put it; the number of an alert that carries it all.

    The device has it in its names, kind, zone and tags since the town was made; its id is checked.
    """
    stream = town.stream(HOSTILE, "speed_kmh")
    facts = {"threshold": SCRIPT, "silent_s": SCRIPT, "since": SCRIPT, SCRIPT: SCRIPT}
    number = town.find(
        "wicked", stream, rule=SCRIPT, detector=SCRIPT, severity=Severity.CRITICAL, value=1.0, **facts
    )
    town.commit([stream], [12.5])
    with town.as_role("administrator") as client:
        made = client.post("/api/v1/keys", json={"label": SCRIPT[:80], "scopes": ["read"]})
        assert made.status_code == 201
    with town.conn.transaction():
        put_refusals(
            town.conn,
            [
                Refusal(datetime.now(UTC), HOSTILE, SCRIPT, SCRIPT.encode(), SCRIPT, SCRIPT),
                # A decoder lets no such name through; the page does not lean on that.
                Refusal(datetime.now(UTC), "", SCRIPT, b"{}", "device", SCRIPT, claimed=SCRIPT),
            ],
        )
        # The interface makes no such name, and no such address signs in; the pages do not lean on that.
        people.add_person(town.conn, SCRIPT, Role.OPERATOR, "no hash")
        town.conn.execute("UPDATE session SET address = %s", (SCRIPT,))
    with town.as_role("operator") as client:
        for verb, wish in (("comment", {"text": SCRIPT}), ("start", {"text": SCRIPT})):
            assert client.post(f"/api/v1/alerts/{number}/{verb}", json=wish).status_code == 200
        wrong = client.post(f"/api/v1/alerts/{number}/assign", json={"assignee": "<script>"})
        assert wrong.status_code == 409
        given = client.post(f"/api/v1/alerts/{number}/assign", json={"assignee": "operator", "text": SCRIPT})
        assert given.status_code == 200
    with town.conn.transaction():
        town.conn.execute("UPDATE alert SET assignee = %s WHERE alert_id = %s", (SCRIPT, number))
    wait_for(lambda: town.get(f"/api/v1/alerts/{number}").json()["assignee"] == SCRIPT)
    yield number
    # The town is shared: what the tests after these count is as it was.
    with town.as_role("operator") as client:
        assert client.post(f"/api/v1/alerts/{number}/resolve").status_code == 200
    with town.conn.transaction():
        town.conn.execute("DELETE FROM quarantine WHERE detail = %s", (SCRIPT,))


def nothing_ran(page: Any) -> None:
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src='x'], svg[onload], [onerror]").count() == 0


@pytest.mark.parametrize("language", ["vi", "en"])
def test_no_page_runs_what_it_shows(browser: Any, town: Town, wicked: int, language: str):
    paths = {page.path: SHOWN.get(page.path, "main") for page in present()}
    if language == "vi":
        paths = {"/quarantine": SHOWN["/quarantine"]}  # once more where texts are longest
    with visit(browser, town.url + "/healthz", role="administrator") as page:
        for path, selector in paths.items():
            # The list itself is asked for all; elsewhere the address is hostile too.
            asked = "" if path in SHOWN else f"&{ASKED}"
            page.goto(f"{town.url}{path}?lang={language}{asked}")
            page.wait_for_selector("#shell-link[data-phase='live']")
            if path in SHOWN:
                page.wait_for_function(
                    "(where) => [...document.querySelectorAll(where)]"
                    ".some((found) => found.textContent.includes('<script>'))",
                    arg=selector,
                )
            else:
                page.wait_for_selector(selector)
                page.wait_for_load_state("networkidle")
            nothing_ran(page)


def test_no_detail_runs_what_it_shows(browser: Any, town: Town, wicked: int):
    details = {
        f"/alerts/{wicked}": ".life__text",
        f"/devices/{quote(HOSTILE, safe='')}": ".drawer__name",
        f"/?device={quote(HOSTILE, safe='')}": ".drawer__name",
    }
    with visit(browser, town.url + "/healthz", role="operator") as page:
        for path, selector in details.items():
            page.goto(town.url + path)
            page.wait_for_function(
                "([where]) => document.querySelector(where)?.textContent.includes('<script>')", arg=[selector]
            )
            nothing_ran(page)
        page.goto(f"{town.url}/alerts/{wicked}?alert_id={quote(SCRIPT)}&lang={quote(SCRIPT)}")
        page.wait_for_selector("main")
        page.wait_for_load_state("networkidle")
        nothing_ran(page)
        for address in (f"/alerts?{ASKED}", f"/devices?{ASKED}", f"/alerts/{quote(SCRIPT, safe='')}"):
            page.goto(town.url + address)
            page.wait_for_load_state("networkidle")
            nothing_ran(page)


def test_the_sign_in_page_runs_nothing(browser: Any, town: Town, wicked: int):
    address = f"/sign-in?next={quote(SCRIPT)}&lang={quote(SCRIPT)}&name={quote(SCRIPT)}"
    with visit(browser, town.url + address, role=None, forgive="401") as page:
        page.wait_for_load_state("networkidle")
        page.fill("[name=username]", SCRIPT[:64])
        page.fill("[name=password]", SCRIPT)
        page.click("button[type=submit]")
        page.wait_for_selector("[role=alert]")
        assert page.locator("[name=username]").input_value() == SCRIPT[:64]
        nothing_ran(page)
    with town.conn.transaction():
        town.conn.execute("DELETE FROM sign_in_failure")


def files_with(row: str) -> dict[str, bytes]:
    folder = cities_path() / "hcmc"
    files = {name: (folder / name).read_bytes() for name in REQUIRED}
    files[DEVICES_FILE] += row.encode()
    return files


def test_a_profile_keeps_hostile_names_as_text_and_refuses_hostile_ids():
    quoted = '"' + SCRIPT.replace('"', '""') + '"'
    rest = f"traffic,{quoted},{quoted},{quoted},10.77,106.7,760,10,speed_kmh,"
    found = parse_city(files_with(f"wicked-1,{rest}\n")).devices[-1]
    assert (found.device_id, found.kind, found.name_vi, found.name_en) == ("wicked-1", SCRIPT, SCRIPT, SCRIPT)
    with pytest.raises(ConfigError, match="device_id is not safe"):
        parse_city(files_with(f"<script>,{rest}\n"))
