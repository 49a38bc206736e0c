"""What people do to alerts, over HTTP: rights, conflicts, bulk, and what is written down."""

from __future__ import annotations

import pytest

from tests.dashboard.conftest import AIR, SCRIPT, Town, wait_for


@pytest.fixture
def alert(town: Town, request: pytest.FixtureRequest) -> int:
    return town.find(f"act:{request.node.name}", town.stream(AIR, "o3"), value=200.0, high=120.0)


def test_an_operator_takes_an_alert_through_its_life(town: Town, alert: int):
    with town.as_role("operator") as client:
        for verb, status in (
            ("acknowledge", "acknowledged"),
            ("start", "in_progress"),
            ("resolve", "resolved"),
            ("close", "closed"),
            ("reopen", "open"),
        ):
            answer = client.post(f"/api/v1/alerts/{alert}/{verb}")
            assert (answer.status_code, answer.json()["status"]) == (200, status)
        judged = client.post(f"/api/v1/alerts/{alert}/verdict", json={"verdict": "nuisance"}).json()
        assert (judged["verdict"], judged["assignee"]) == ("nuisance", "operator")
        assert client.post(f"/api/v1/alerts/{alert}/resolve").status_code == 200
    events = town.get(f"/api/v1/alerts/{alert}").json()["events"]
    assert {event["actor"] for event in events[1:]} == {"operator"}


def test_the_second_of_two_is_told_who_was_first(town: Town, alert: int):
    seen = town.get(f"/api/v1/alerts/{alert}").json()["version"]
    with town.as_role("operator") as lan, town.as_role("engineer") as minh:
        assert lan.post(f"/api/v1/alerts/{alert}/acknowledge", json={"version": seen}).status_code == 200
        late = minh.post(f"/api/v1/alerts/{alert}/acknowledge", json={"version": seen})
    assert late.status_code == 409
    assert late.json()["detail"].startswith("operator was first: acknowledged")


def test_rights_and_the_token_are_asked_for(town: Town, alert: int):
    with town.as_role("viewer") as client:
        assert client.get(f"/api/v1/alerts/{alert}").status_code == 200
        assert client.post(f"/api/v1/alerts/{alert}/acknowledge").status_code == 403
        bulk = {"action": "acknowledge", "alert_ids": [alert]}
        assert client.post("/api/v1/alerts/actions", json=bulk).status_code == 403
    with town.as_role("operator") as client:
        client.headers.pop("X-CSRF-Token")
        assert client.post(f"/api/v1/alerts/{alert}/acknowledge").status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/v1/alerts/999999/acknowledge", {}, 404),
        ("/api/v1/alerts/0/acknowledge", {}, 422),
        ("/api/v1/alerts/1/explode", {}, 422),
        ("/api/v1/alerts/1/comment", {"text": "  "}, 422),
        ("/api/v1/alerts/1/comment", {"text": "a\0b"}, 422),
        ("/api/v1/alerts/1/verdict", {"verdict": "maybe"}, 422),
        ("/api/v1/alerts/actions", {"action": "close", "alert_ids": []}, 422),
    ],
)
def test_what_cannot_be_used_is_refused(town: Town, path: str, body: dict, status: int):
    with town.as_role("operator") as client:
        assert client.post(path, json=body).status_code == status


def test_many_at_once_are_done_or_refused_each_on_its_own(town: Town, alert: int):
    with town.as_role("operator") as client:
        body = {"action": "resolve", "alert_ids": [alert, 999_999], "text": SCRIPT}
        answer = client.post("/api/v1/alerts/actions", json=body).json()
        assert [item["status"] for item in answer["done"]] == ["resolved"]
        assert [(item["alert_id"], item["status"]) for item in answer["refused"]] == [(999_999, 404)]
    assert town.get(f"/api/v1/alerts/{alert}").json()["events"][-1]["detail"]["text"] == SCRIPT


def test_pages_are_counted_and_sorted(town: Town, alert: int):
    first = town.get("/api/v1/alerts", limit=1, sort="updated_at")
    assert first.json()[0]["alert_id"] == alert
    assert int(first.headers["x-total-count"]) >= 4
    found = town.get("/api/v1/alerts", q=AIR, status="open", severity="major").json()
    assert alert in {item["alert_id"] for item in found}
    assert town.get("/api/v1/alerts", sort="password").status_code == 422


def test_the_live_picture_follows(town: Town, alert: int):
    with town.as_role("operator") as client:
        client.post(f"/api/v1/alerts/{alert}/start")

    def live() -> bool:
        alerts = town.get("/api/v1/snapshot").json()["alerts"]
        return any(a["alert_id"] == alert and a["status"] == "in_progress" for a in alerts)

    wait_for(live)
