"""Backtests and shadows over the interface."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from store import backtests
from telemetry.alerts import Severity
from telemetry.detection.episodes import Episode
from telemetry.people import Role
from tests.dashboard.conftest import SCRIPT, Town
from tests.fix_browser import complaints, visit

ONE = '[[detector]]\nname = "stuck"\nkind = "stuck"\n'
SPAN = {"start": "2026-05-01T00:00:00+07:00", "end": "2026-05-03T00:00:00+07:00"}
START = datetime(2026, 5, 1, 3, tzinfo=UTC)


@pytest.fixture
def engineer(town: Town) -> Iterator[httpx.Client]:
    with town.as_role("engineer") as client:
        yield client


def ask(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post("/api/v1/backtests", json={**SPAN, "toml": ONE, **body})


def finished(
    town: Town, client: httpx.Client, *starts: int, report: dict[str, Any] | None = None, **metrics: float
) -> int:
    number = ask(client).json()[0]["backtest_run_id"]
    hours = [START + timedelta(hours=hour) for hour in starts]
    episodes = [
        Episode("stuck:1", "stuck", "stuck", 1, Severity.MINOR, at, at + timedelta(hours=1)) for at in hours
    ]
    with town.conn.transaction():
        backtests.begin(town.conn, number, "w")
        backtests.finish(town.conn, number, "w", {"metrics": metrics, "report": report}, episodes)
    return number


def test_a_run_is_asked_for_followed_and_cancelled(town: Town, engineer: httpx.Client) -> None:
    (made,) = ask(engineer, name="first", reason="to see", options={"select": [{"zone": ["760"]}]}).json()
    assert (made["status"], made["author"], made["progress"]) == ("queued", "engineer", 0.0)
    assert made["options"]["select"][0]["zone"] == ["760"]
    assert made["options"]["refit_h"] == 72.0
    path = f"/api/v1/backtests/{made['backtest_run_id']}"
    with town.conn.transaction():
        backtests.begin(town.conn, made["backtest_run_id"], "w")
        backtests.note(town.conn, made["backtest_run_id"], "w", 0.5, 1_000)
    assert engineer.get(path).json()["progress"] == 0.5
    assert engineer.post(f"{path}/cancel").json()["status"] == "running"
    with town.conn.transaction():
        assert not backtests.note(town.conn, made["backtest_run_id"], "w", 0.6, 1_000)
        backtests.stop(town.conn, made["backtest_run_id"], "w")
    assert engineer.get(path).json()["status"] == "cancelled"
    assert engineer.post(f"{path}/cancel").status_code == 409
    assert engineer.get("/api/v1/backtests/999999").status_code == 404


def test_a_sweep_is_a_family(engineer: httpx.Client) -> None:
    grid = {"stuck.params.least_repeats": [10, 20], "stuck.params.of_usual": [2, 3, 4]}
    made = ask(engineer, sweep=grid).json()
    assert len(made) == 6
    family = engineer.get("/api/v1/backtests", params={"family": made[0]["backtest_run_id"]}).json()
    assert [one["point"] for one in family[::-1]] == [one["point"] for one in made]
    assert len({one["digest"] for one in made}) == 6


def test_what_they_found_is_read_and_compared(town: Town, engineer: httpx.Client) -> None:
    first = finished(town, engineer, 1, 5, f1=0.5)
    second = finished(town, engineer, 5, 9, f1=0.75)
    found = engineer.get(f"/api/v1/backtests/{first}/episodes").json()
    assert [one["key"] for one in found] == ["stuck:1", "stuck:1"]
    both = engineer.get("/api/v1/backtests/compare", params={"first": first, "second": second}).json()
    assert (both["both"], both["n_only_first"], both["n_only_second"]) == (1, 1, 1)
    assert both["metrics"] == [{"name": "f1", "first": 0.5, "second": 0.75, "difference": 0.25}]
    waiting = ask(engineer).json()[0]["backtest_run_id"]
    asked = {"first": first, "second": waiting}
    assert engineer.get("/api/v1/backtests/compare", params=asked).status_code == 409


WRONG = {
    "two configurations": ({"version": 1}, "give one of them"),
    "a kind": ({"toml": ONE.replace('kind = "stuck"', 'kind = "stick"')}, "stick"),
    "a time without a zone": ({"start": "2026-05-01T00:00:00"}, "zone"),
    "the wrong way round": ({"start": SPAN["end"], "end": SPAN["start"]}, "not before end"),
    "a parameter": ({"sweep": {"stuck.params.least_repeat": [1]}}, "least_repeat"),
    "a value": ({"sweep": {"stuck.params.least_repeats": ["many"]}}, "least_repeats"),
    "no values": ({"sweep": {"stuck.params.least_repeats": []}}, "0 runs"),
    "too many": ({"sweep": {"stuck.params.least_repeats": list(range(2, 1002))}}, "1000 runs"),
    "an option": ({"options": {"speed": 1}}, "speed"),
    "a fit each second": ({"options": {"refit_h": 0.0003}}, "refit_h"),
}


@pytest.mark.parametrize(("body", "says"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_named(engineer: httpx.Client, body: dict[str, Any], says: str) -> None:
    answer = ask(engineer, **body)
    assert (answer.status_code, says in answer.json()["detail"]) == (422, True), answer.text


def test_a_shadow_is_started_compared_and_stopped(engineer: httpx.Client) -> None:
    made = engineer.post("/api/v1/shadows", json={"toml": ONE, "reason": "to see"}).json()
    again = engineer.post("/api/v1/shadows", json={"toml": ONE, "reason": "me too"})
    path = f"/api/v1/shadows/{made['shadow_id']}"
    compared = engineer.get(f"{path}/comparison").json()
    stopped = engineer.post(f"{path}/stop").json()
    assert again.status_code == 409
    assert compared["both"] == 0
    assert (made["stopped_at"], stopped["stopped_by"]) == (None, "engineer")
    assert engineer.post(f"{path}/stop").status_code == 409
    assert engineer.get("/api/v1/shadows").json()[0]["shadow_id"] == made["shadow_id"]


def test_it_is_for_engineers(town: Town) -> None:
    with town.as_role("operator") as client:
        assert ask(client).status_code == 403
        assert client.get("/api/v1/backtests").status_code == 403
        assert client.post("/api/v1/shadows", json={"toml": ONE, "reason": "x"}).status_code == 403


@pytest.mark.parametrize("language", ["vi", "en"])
def test_runs_are_looked_at_side_by_side(
    browser: Any, town: Town, engineer: httpx.Client, language: str
) -> None:
    first = finished(town, engineer, 1, 5, f1=0.5, recall=0.75, episodes=2)
    second = finished(town, engineer, 5, 9, f1=0.75, recall=1.0, episodes=2)
    ask(engineer, name=SCRIPT)
    address = f"{town.url}/bench?lang={language}&first={first}&second={second}"
    with visit(browser, address, role=Role.ENGINEER) as page:
        page.wait_for_selector("#bench-place .sheet")
        page.wait_for_selector("#bench-compared h4")
        assert page.locator("#bench-place tbody tr", has_text=f"#{second}").count() == 1
        assert page.locator("#bench-compared h4").count() == 2
        assert SCRIPT in page.locator("#bench-place").inner_text()
        assert page.evaluate("window.hacked") is None
        assert complaints(page) == []


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_sweep_is_asked_for_and_stopped_on_the_page(
    browser: Any, town: Town, engineer: httpx.Client, language: str
) -> None:
    with visit(browser, f"{town.url}/bench?lang={language}", role=Role.ENGINEER, forgive="422") as page:
        page.click("[data-bench=open]")
        page.wait_for_selector("#bench-form:not([hidden])")
        page.fill("#bench-select", "zone760")
        page.click("[data-bench=ask]")
        assert "zone760" in page.inner_text("#bench-wrong")
        assert page.get_attribute("#bench-select", "aria-invalid") == "true"
        page.fill("#bench-select", "zone=760; tags.road=dbp metric=water_level_m")
        page.fill("#bench-path", "stuck.params.least_repeat")
        page.fill("#bench-values", "10, 20")
        page.click("[data-bench=ask]")
        page.wait_for_selector("#bench-path[aria-invalid=true]")
        assert "least_repeat" in page.inner_text("#bench-wrong")
        page.fill("#bench-path", "stuck.params.least_repeats")
        page.fill("#bench-name", SCRIPT)
        page.fill("#bench-start", "2026-05-01T00:00")
        page.fill("#bench-end", "2026-05-03T00:00")
        page.click("[data-bench=ask]")
        page.wait_for_selector("#bench-form", state="hidden")
        runs = engineer.get("/api/v1/backtests", params={"limit": 2}).json()
        assert [run["point"] for run in runs] == [{"stuck.params.least_repeats": n} for n in (20, 10)]
        assert runs[0]["start"] == int(datetime(2026, 4, 30, 17, tzinfo=UTC).timestamp() * 1000)
        assert [one["zone"] for one in runs[0]["options"]["select"]] == [["760"], []]
        number = runs[0]["backtest_run_id"]
        page.click(f"[data-bench=stop][data-run='{number}']")
        page.wait_for_selector(f"[data-bench=stop][data-run='{number}']", state="detached")
        assert engineer.get(f"/api/v1/backtests/{number}").json()["status"] == "cancelled"
        assert page.evaluate("window.hacked") is None


REPORT = {
    "summary": {"alarms": 3, "false_alarms": 1, "precision": 0.667, "recall": 1.0, "f1": 0.8},
    "baselines": {"never": {"alarms": 0, "false_alarms": 0, "precision": None, "recall": 0.0, "f1": None}},
    "scores": {
        "this": {"vus_pr": 0.5, "nab_standard": 61.5},
        "stuck": {"vus_pr": 0.25},
        "never": {"vus_pr": 0.125},
    },
}


def test_a_report_shows_scores_beside_what_cannot_know(
    browser: Any, town: Town, engineer: httpx.Client
) -> None:
    number = finished(town, engineer, 1, report=REPORT, f1=0.8)
    with visit(browser, f"{town.url}/bench?lang=en&run={number}", role=Role.ENGINEER) as page:
        page.wait_for_selector("#bench-report .sheet")
        rows = [row.split("\t") for row in page.locator("#bench-report tbody tr").all_inner_texts()]
    assert [(row[0], row[6]) for row in rows] == [
        ("this configuration", "0.500"),
        ("never tells", "0.125"),
        ("stuck", "0.250"),
    ]
    assert rows[0][7] == "61.5"


def test_two_runs_that_cannot_be_compared_are_asked_for_anew(browser: Any, town: Town) -> None:
    with visit(browser, f"{town.url}/bench?lang=en&first=1e9&second=-3", role=Role.ENGINEER) as page:
        page.wait_for_selector("#bench-compared .empty")
        assert "Choose two runs" in page.locator("#bench-compared").inner_text()
