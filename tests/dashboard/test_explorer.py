"""The explorer, and readings as a file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from dashboard.queries.explorer import spread
from telemetry.readings import Readings
from tests.dashboard.conftest import AIR, GAUGE, HOSTILE, SCRIPT, Town
from tests.fix_browser import visit

ZOOM = """() => {
  const chart = document.querySelector('#explorer-chart .js-plotly-plot');
  const read = (at) => (typeof at === 'number' ? at : Date.parse(at.replace(' ', 'T') + 'Z'));
  const [from, to] = chart.layout.xaxis.range.map(read);
  const hour = 3600e3;
  window.Plotly.relayout(chart, {'xaxis.range[0]': from + hour, 'xaxis.range[1]': to - hour});
}"""


def test_the_band_holds_every_reading_and_no_more():
    times = np.arange(1000) * 60_000_000
    values = np.sin(np.arange(1000) / 9)
    band = spread(Readings.of(np.ones(1000), times, values), 50)
    assert len(band.times) == 50
    assert (band.low.min(), band.high.max()) == (values.min(), values.max())
    assert (band.low <= band.high).all()
    assert len(spread(Readings.of([], [], []), 50).times) == 0


def test_an_export_has_every_stored_reading_of_its_streams_in_order(town: Town):
    tide, dust = town.stream(GAUGE, "water_level_m"), town.stream(AIR, "pm2_5")
    end = datetime.now(UTC) - timedelta(hours=1)
    between = {"start": (end - timedelta(hours=2)).isoformat(), "end": end.isoformat()}
    answer = town.get("/api/v1/export.csv", stream=[tide, dust], **between)
    assert answer.status_code == 200
    head, *rows = answer.text.split("\r\n")[:-1]
    assert head == "time,device,metric,unit,value,quality"
    assert len(rows) == 2 * 120
    assert [row.split(",")[1] for row in (rows[0], rows[-1])] == [GAUGE, AIR]
    told = town.get("/api/v1/readings", stream=tide, **between).json()
    assert [float(row.split(",")[4]) for row in rows[:120]] == told["values"]
    assert sorted(rows[:120]) == rows[:120]


def test_an_export_that_cannot_be_made_says_why(town: Town):
    assert town.get("/api/v1/export.csv").status_code == 422
    assert town.get("/api/v1/export.csv", stream=2**30).status_code == 404
    assert town.get("/api/v1/export.csv", stream=1, start="yesterday").status_code == 422
    assert town.get("/api/v1/export.csv", stream=list(range(1, 12))).status_code == 422


def test_the_explorer_draws_what_its_address_says_and_zooming_asks_anew(browser: Any, town: Town):
    tide, dust = town.stream(GAUGE, "water_level_m"), town.stream(AIR, "pm2_5")
    with visit(browser, town.url + f"/explorer?streams={tide},{dust}&hours=6&compare=1&lang=en") as page:
        page.wait_for_selector("#explorer-chart .legendtext")
        assert page.locator("#explorer-chart .cartesianlayer .subplot").count() == 2
        assert f"stream={tide}" in page.get_attribute("#explorer-csv", "href")
        page.wait_for_function("() => location.search.includes('hours=6')")
        page.evaluate(ZOOM)
        page.wait_for_function(
            "() => location.search.includes('start=') && !location.search.includes('hours=')"
        )
        shown = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
        assert abs(int(shown["end"]) - int(shown["start"]) - 4 * 3600e3) < 5000
        assert shown["streams"] == f"{tide},{dust}"


def test_the_explorer_shows_hostile_names_as_text_and_ignores_a_hostile_address(browser: Any, town: Town):
    stream = town.stream(HOSTILE, "speed_kmh")
    town.commit([stream], [31.0])
    address = f"/explorer?streams={stream},-1,abc,99999999999&start=x&end=%3Cscript%3E&hours=7"
    with visit(browser, town.url + address) as page:
        page.wait_for_selector("#explorer-chart .legendtext")
        assert SCRIPT[:40] in page.locator("#explorer-chart .legendtext").first.text_content()
        assert page.evaluate("window.hacked") is None


def test_an_empty_explorer_says_what_to_do(browser: Any, town: Town):
    with visit(browser, town.url + "/explorer?lang=en") as page:
        page.wait_for_selector("text=Nothing to draw yet")
