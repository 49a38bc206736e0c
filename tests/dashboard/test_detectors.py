"""The detectors' configuration over the interface and in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dashboard.config_faults import fault_texts
from dashboard.languages import load_languages
from store import audit, detection, services
from telemetry.city import City
from telemetry.detection import decode_configuration
from telemetry.errors import ConfigError
from telemetry.people import Role
from tests.dashboard.conftest import SCRIPT, Town
from tests.fix_browser import complaints, visit

ONE = '[[detector]]\nname = "limits"\nkind = "limits"\n'
TWO = ONE + '[[detector]]\nname = "hang"\nkind = "stuck"\nparams = { least_repeats = 30 }\n'
TWO += 'select = [{ metric = ["water_level_m"] }, { device = ["nothing-*"] }]\n'


@pytest.fixture
def engineer(town: Town) -> Iterator[httpx.Client]:
    with town.as_role("engineer") as client:
        yield client


@pytest.fixture(autouse=True)
def first(town: Town) -> int:
    """A version that says `ONE` is in force."""
    configuration = decode_configuration(ONE.encode())
    with town.conn.transaction():
        active = detection.active_version(town.conn)
        if active is None or detection.get_version(town.conn, active).configuration() != configuration:
            return detection.apply(town.conn, configuration, "profile:test", "to begin").version
    return active


def applied(client: httpx.Client, text: str, reason: str = "to see", **more: Any) -> httpx.Response:
    return client.post("/api/v1/detection/versions", json={"toml": text, "reason": reason, **more})


def test_a_version_is_checked_applied_compared_and_taken_back(
    town: Town, engineer: httpx.Client, first: int
) -> None:
    checked = engineer.post("/api/v1/detection/validate", json={"toml": TWO}).json()
    assert (checked["based_on"], checked["detectors"]) == (first, 2)
    assert [(one["what"], one["key"]) for one in checked["doubts"]] == [("no_stream", "select[1]")]
    assert [(one["detector"], one["key"]) for one in checked["changes"]] == [("hang", "")]
    made = applied(engineer, TWO, based_on=first).json()["version"]
    assert (made["author"], made["based_on"], made["reason"]) == ("engineer", first, "to see")
    active = engineer.get("/api/v1/detection/active").json()["version"]
    assert active["version"] == made["version"]
    assert decode_configuration(active["toml"].encode()) == decode_configuration(TWO.encode())
    ends = {"before": first, "after": made["version"]}
    assert engineer.get("/api/v1/detection/diff", params=ends).json() == checked["changes"]
    pairs = engineer.get("/api/v1/detection/detectors/hang/streams").json()
    assert {"device_id": "level-phu-an", "metric": "water_level_m"} in pairs
    back = engineer.post(f"/api/v1/detection/versions/{first}/activate", json={"reason": "no"})
    assert back.json()["version"] == first
    last = engineer.get("/api/v1/detection/activations", params={"limit": 2}).json()
    assert [(one["version"], one["actor"]) for one in last] == [
        (first, "engineer"), (made["version"], "engineer"),
    ]  # fmt: skip
    actions = [(entry.actor, entry.action) for entry in audit.list_entries(town.conn, 2)]
    town.conn.commit()
    assert actions == [("engineer", "detection.activate"), ("engineer", "detection.apply")]


def test_who_was_slower_is_refused(engineer: httpx.Client, first: int) -> None:
    assert applied(engineer, TWO, based_on=first).status_code == 200
    late = applied(engineer, "", based_on=first)
    assert (late.status_code, "in force by now" in late.json()["detail"]) == (409, True)
    assert applied(engineer, TWO).status_code == 409
    number = engineer.get("/api/v1/detection/active").json()["version"]["version"]
    path = f"/api/v1/detection/versions/{number}/activate"
    assert engineer.post(path, json={"reason": "again"}).status_code == 409
    missing = engineer.post("/api/v1/detection/versions/99999/activate", json={"reason": "again"})
    assert missing.status_code == 404


WRONG = {
    "key": ({"toml": '[[detector]]\nname = "a"\nkind = "stuck"\nparams = { x = 1 }'}, "a: params"),
    "zone": (
        {"toml": '[[detector]]\nname = "a"\nkind = "stuck"\nselect = [{ zone = ["x"] }]'},
        "select[0].zone",
    ),
    "document": ({"document": {"detector": [{"name": "a"}]}}, "detector[0]"),
    "both": ({"toml": "", "document": {}}, "the one or the other"),
    "neither": ({}, "the one or the other"),
    "deep": ({"toml": "a = " + "[" * 50_000}, "detectors:"),
}


@pytest.mark.parametrize(("body", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_by_its_key(engineer: httpx.Client, body: dict[str, Any], says: str) -> None:
    for path, more in (("validate", {}), ("versions", {"reason": "try"})):
        answer = engineer.post(f"/api/v1/detection/{path}", json=body | more)
        assert (answer.status_code, says in answer.json()["detail"]) == (422, True), answer.text
    assert applied(engineer, TWO, reason=" ").status_code == 422


def test_operators_read_and_engineers_change(town: Town, first: int) -> None:
    with town.as_role("operator") as client:
        assert client.get("/api/v1/detection/active").status_code == 200
        assert applied(client, TWO).status_code == 403
        path = f"/api/v1/detection/versions/{first}/activate"
        assert client.post(path, json={"reason": "x"}).status_code == 403
    with town.as_role("viewer") as client:
        assert client.get("/api/v1/detection/active").status_code == 403
    with town.as_role("engineer") as client:
        client.headers.pop("X-CSRF-Token")
        assert applied(client, TWO).status_code == 403


def test_kinds_tell_their_parameters_defaults_and_bounds(engineer: httpx.Client) -> None:
    kinds = {one["kind"]: one["parameters"] for one in engineer.get("/api/v1/detection/kinds").json()}
    assert kinds["silence"]["properties"]["intervals"] == {
        "type": "number", "exclusiveMinimum": 0, "default": 3.0,
    }  # fmt: skip


def test_what_analytics_runs_is_told(town: Town, engineer: httpx.Client) -> None:
    with town.conn.transaction():
        detail = {"configuration": 1, "configuration_fault": "version 9 of the detectors cannot be used"}
        services.beat(town.conn, services.Service("analytics", 1, "here", detail))
    running = engineer.get("/api/v1/detection/active").json()["running"]
    with town.conn.transaction():
        services.leave(town.conn, services.Service("analytics", 1, "here"))
    assert (running["version"], "version 9" in running["fault"]) == (1, True)


def said(page: Any, part: str) -> None:
    page.wait_for_function(
        "(part) => document.querySelector('#detectors-said').textContent.includes(part)", arg=part
    )


@pytest.mark.parametrize("language", ["vi", "en"])
def test_an_engineer_changes_the_detectors_and_takes_it_back(
    browser: Any, town: Town, first: int, language: str
) -> None:
    address = f"{town.url}/detectors?lang={language}"
    with visit(browser, address, role=Role.ENGINEER, forgive="422") as page:
        page.wait_for_selector("#detectors-place .sheet")
        assert complaints(page) == []
        page.click("[data-act=edit]")
        page.wait_for_function("() => document.querySelector('#detectors-text').value.includes('limits')")
        page.fill(
            "#detectors-text",
            ONE + '\n[[detector]]\nname = "hang"\nkind = "stuck"\n\nparams = { least_repeats = 1 }\n',
        )
        page.wait_for_function(
            "() => document.querySelector('#detectors-wrong').textContent.includes('least_repeats')"
        )
        assert page.locator("#detectors-text").get_attribute("data-line") == "9"
        words = {"vi": "phải là số >=", "en": "must be a number >="}
        assert words[language] in page.locator("#detectors-wrong").inner_text()
        assert page.locator("#detectors-apply").is_disabled()
        assert complaints(page) == []
        page.fill("#detectors-text", TWO)
        page.wait_for_function("() => !document.querySelector('#detectors-apply').disabled")
        assert "select[1]" in page.locator("#detectors-found").inner_text()
        assert complaints(page) == []
        page.click("#detectors-apply")
        assert page.locator("#detectors-reason").get_attribute("aria-invalid") == "true"
        page.fill("#detectors-reason", SCRIPT)
        page.click("#detectors-apply")
        page.wait_for_function("() => document.querySelector('#detectors-said').textContent")
        made = detection.active_version(town.conn)
        town.conn.commit()
        row = page.locator("tr.detectors__now", has_text=SCRIPT)
        row.wait_for()
        assert row.locator("th").inner_text().startswith(str(made))
        assert str(made) in page.locator("#detectors-said").inner_text()
        page.locator(f"[data-act=restore][data-version='{first}']").click()
        page.wait_for_selector("dialog[open] li")
        assert complaints(page) == []
        page.fill("dialog[open] input", "no")
        page.click("dialog[open] .button--main")
        said(page, f" {first} ")
        page.locator(f"[data-act=compare][data-version='{made}']").click()
        page.wait_for_selector("dialog[open] li")
        assert "hang" in page.locator("dialog[open] li").inner_text()
        assert complaints(page) == []
        assert page.evaluate("window.hacked") is None
    assert detection.active_version(town.conn) == first
    town.conn.commit()


def test_an_operator_reads_and_finds_nothing_to_change(browser: Any, town: Town) -> None:
    with visit(browser, f"{town.url}/detectors?lang=en", role=Role.OPERATOR) as page:
        page.wait_for_selector("#detectors-place .sheet")
        assert page.locator("[data-act=edit], [data-act=restore]").count() == 0
        page.locator("[data-act=compare]").first.click()
        page.wait_for_selector("dialog[open]")


COMPLAINTS = {
    "unknown": ("params = { x = 1 }", "`x`"),
    "bound": ("params = { least_repeats = 1 }", ">= 2"),
    "type": ('params = { least_repeats = "a" }', "`float`"),
    "zone": ('select = [{ zone = ["nowhere"] }]', "'nowhere'"),
    "enum": ('select = [{ domain = ["x"] }]', "x"),
    "kind": ('kind = "x"', "'x'"),
    "toml": ("params = {", "cột"),
}


@pytest.mark.parametrize(("wrong", "names"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_what_people_commonly_get_wrong_has_words_in_their_language(
    city: City, wrong: str, names: str
) -> None:
    kind = "" if wrong.startswith("kind") else 'kind = "stuck"\n'
    with pytest.raises(ConfigError) as told:
        decode_configuration(f'[[detector]]\nname = "a"\n{kind}{wrong}\n'.encode()).check(["760"])
    texts = fault_texts(load_languages(city.timezone)["vi"])
    found = next(
        (one, said)
        for pattern, said in texts
        if (one := re.search(pattern.replace("(?<", "(?P<"), told.value.message))
    )
    match, said = found
    assert names in said.format(**match.groupdict())
    assert said != match.group()
    assert told.value.message.startswith(("a: ", "detector", "detectors: "))
