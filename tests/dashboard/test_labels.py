"""Labels over the REST interface, and drawn in the explorer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from store import audit, labels
from telemetry.alerts import Verdict
from telemetry.labels import Label
from telemetry.people import Role
from tests.dashboard.conftest import AIR, GAUGE, SCRIPT, Town
from tests.fix_browser import complaints, visit

START = datetime(2026, 3, 1, tzinfo=UTC)
START_MS = round(START.timestamp() * 1_000)


def flood(minutes: int, **more: Any) -> dict[str, Any]:
    start = START_MS + minutes * 60_000
    return {"kind": "flood", "devices": [GAUGE], "start": start, "end": start + 60_000, **more}


def test_an_engineer_draws_a_label_and_takes_it_back(town: Town) -> None:
    with town.as_role(Role.ENGINEER) as engineer:
        made = engineer.post("/api/v1/labels", json=flood(0, metrics=["water_level_m"], note=" =1+1 "))
        assert made.status_code == 200, made.text
        label = made.json()
        assert (label["author"], label["source"], label["note"]) == ("engineer", "drawn", "=1+1")
        assert label["is_own"]
        assert engineer.post("/api/v1/labels", json=flood(0, metrics=["water_level_m"])).status_code == 409
        found = engineer.get(
            "/api/v1/labels", params={"kind": "flood", "start": START_MS, "end": START_MS + 1}
        )
        assert found.json() == [label]
        assert found.headers["X-Total-Count"] == "1"
        table = engineer.get("/api/v1/labels/export", params={"end": str(START_MS + 1)})
        assert table.headers["content-type"].startswith("text/csv")
        assert table.text.splitlines()[1].endswith(",drawn,engineer,'=1+1")
        path = f"/api/v1/labels/{label['label_id']}"
        assert engineer.delete(path).status_code == 200
        assert engineer.delete(path).status_code == 404
    actions = [(entry.actor, entry.action) for entry in audit.list_entries(town.conn)[:2]]
    town.conn.commit()
    assert actions == [("engineer", "label.delete"), ("engineer", "label.add")]


def test_a_file_is_taken_in_whole_or_not_at_all(town: Town) -> None:
    head = "kind,devices,start,end\n"
    good = f"leak,{GAUGE},2026-03-02T00:00Z,2026-03-02T01:00Z\n"
    with town.as_role(Role.ENGINEER) as engineer:
        bad = engineer.post("/api/v1/labels/import", json={"csv": f"{head}{good}leak,ghost,now,x\n"})
        assert bad.status_code == 422
        assert "line 3, column devices: no device 'ghost'" in bad.json()["detail"]
        assert engineer.get("/api/v1/labels", params={"kind": "leak"}).json() == []
        body = {"csv": head + good, "name": "march.csv"}
        assert engineer.post("/api/v1/labels/import", json=body).json() == {"added": 1, "known": 0}
        assert engineer.post("/api/v1/labels/import", json=body).json() == {"added": 0, "known": 1}
        assert engineer.post("/api/v1/labels/import", content=b'{"csv": "\\ud800"}').status_code == 422


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (flood(1, devices=["ghost"]), "no device 'ghost'"),
        (flood(1, metrics=["pm2_5"]), "measured by none"),
        (flood(1, end=START_MS - 1), "before its start"),
        (flood(1, end=START_MS + 400 * 86_400_000), "longer than 366 days"),
        (flood(1, kind="<b>"), "kind"),
        (flood(1, kind="flood\n"), "kind"),
        (flood(1, note="x" * 501), "note"),
        (flood(1, note="\x00"), "note"),
        (flood(1, author="else"), "author"),
        (flood(1, devices=[]), "devices"),
        (flood(1, start=10**15), "start"),
    ],
    ids=["device", "metric", "order", "length", "kind", "line", "note", "nul", "author", "none", "far"],
)
def test_what_cannot_be_labelled_is_told(town: Town, body: dict[str, Any], said: str) -> None:
    with town.as_role(Role.ENGINEER) as engineer:
        answer = engineer.post("/api/v1/labels", json=body)
        assert answer.status_code == 422
        assert said in answer.json()["detail"]


def test_others_read_labels_and_take_none_back(town: Town) -> None:
    truth = Label(
        "stuck", (AIR,), START, START + timedelta(hours=1), is_sensor_fault=True, author="simulator"
    )
    with town.conn.transaction():
        made = labels.add_label(town.conn, truth)
    path = f"/api/v1/labels/{made.label_id}"
    for role in (Role.VIEWER, Role.OPERATOR):
        with town.as_role(role) as client:
            (seen,) = client.get("/api/v1/labels", params={"kind": "stuck"}).json()
            assert (seen["label_id"], seen["is_own"], seen["source"]) == (made.label_id, False, "truth")
            assert client.post("/api/v1/labels", json=flood(2)).status_code == 403
            assert client.post("/api/v1/labels/import", json={"csv": ""}).status_code == 403
            assert client.get("/api/v1/labels/export").status_code == 403
            assert client.delete(path).status_code == 403
    with town.as_role(Role.ENGINEER) as engineer:
        assert engineer.delete(path).status_code == 403
        engineer.headers["X-CSRF-Token"] = "guessed"
        assert engineer.post("/api/v1/labels", json=flood(2)).status_code == 403
    with town.as_role(Role.ADMINISTRATOR) as administrator:
        assert administrator.delete(path).status_code == 200


def test_a_verdict_is_a_label(town: Town) -> None:
    stream = town.stream(AIR, "no2")
    alert = town.find("limit:no2-label", stream, value=400.0, rule="limit:no2")
    with town.as_role(Role.OPERATOR) as operator:
        given = operator.post(f"/api/v1/alerts/{alert}/verdict", json={"verdict": str(Verdict.NUISANCE)})
        assert given.status_code == 200, given.text
        found = operator.get("/api/v1/labels", params={"source": "verdict", "device": AIR}).json()
    (label,) = [one for one in found if one["alert_id"] == alert]
    assert (label["kind"], label["meaning"], label["author"]) == ("limit:no2", "nuisance", "operator")
    assert (label["label_id"], label["is_own"]) == (None, False)


DRAG = """() => {
  const chart = document.querySelector('#explorer-chart .js-plotly-plot');
  if (chart.layout.dragmode !== 'select') return null;
  const box = chart.querySelector('.draglayer .nsewdrag').getBoundingClientRect();
  return [box.x, box.y, box.width, box.height];
}"""


def test_an_engineer_marks_a_time_in_the_explorer_and_takes_it_back(browser: Any, town: Town) -> None:
    tide = town.stream(GAUGE, "water_level_m")
    address = town.url + f"/explorer?streams={tide}&hours=6&lang=en"
    with visit(browser, address, role=Role.ENGINEER) as page:
        page.wait_for_selector("#explorer-chart .legendtext")
        page.click("#explorer-marking")
        page.wait_for_function(f"({DRAG})() !== null")
        x, y, width, height = page.evaluate(DRAG)
        page.mouse.move(x + width * 0.4, y + height / 2)
        page.mouse.down()
        page.mouse.move(x + width * 0.5, y + height / 2, steps=8)
        page.mouse.up()
        page.wait_for_function("() => document.querySelector('#explorer-mark [name=start]').value !== ''")
        page.fill("#explorer-mark [name=kind]", "burst")
        page.fill("#explorer-mark [name=note]", SCRIPT[:200])
        page.click("#explorer-mark [type=submit]")
        page.wait_for_selector("#explorer-labels tbody tr")
        (label,) = _of_kind(town, "burst")
        assert (label.device_ids, label.metrics, label.author) == ((GAUGE,), ("water_level_m",), "engineer")
        assert timedelta(minutes=20) < label.end - label.start < timedelta(minutes=60)
        assert abs((label.end + timedelta(hours=3)) - datetime.now(UTC)) < timedelta(minutes=30)
        assert "burst" in page.locator("#explorer-labels").inner_text()
        assert page.evaluate("window.hacked") is None
        shapes = "document.querySelector('#explorer-chart .js-plotly-plot').layout.shapes"
        page.wait_for_function(f"() => {shapes}.some((one) => one.name === 'label {label.label_id}')")
        page.wait_for_function(f"({DRAG})() !== null")  # still marking, on the chart drawn anew
        row = page.locator(f"#explorer-labels tr[data-label='{label.label_id}'] button")
        row.click()
        assert _of_kind(town, "burst") == [label]
        row.click()
        page.wait_for_function(f"() => !{shapes}.some((one) => one.name === 'label {label.label_id}')")
        assert _of_kind(town, "burst") == []
        assert complaints(page) == []


def test_who_may_not_mark_sees_labels_and_no_way_to_change_them(browser: Any, town: Town) -> None:
    tide = town.stream(GAUGE, "water_level_m")
    now = datetime.now(UTC)
    drawn = Label("leak", (GAUGE,), now - timedelta(hours=2), now - timedelta(hours=1), author="engineer")
    with town.conn.transaction():
        made = labels.add_label(town.conn, drawn)
    with visit(browser, town.url + f"/explorer?streams={tide}&hours=6", role=Role.OPERATOR) as page:
        page.wait_for_selector(f"#explorer-labels tr[data-label='{made.label_id}']")
        assert page.locator("#explorer-marking").count() == 0
        assert page.locator("#explorer-labels button").count() == 0
    with town.conn.transaction():
        assert made.label_id is not None
        labels.delete_label(town.conn, made.label_id, "test")


def _of_kind(town: Town, kind: str) -> list[Label]:
    found = labels.list_labels(town.conn, labels.LabelSearch(kinds=[kind]))
    town.conn.commit()
    return found
