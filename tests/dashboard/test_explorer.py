"""The explorer, and readings as a file."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

from dashboard.queries.explorer import MOST_STEPS, RAW_READINGS, read_tracks, spread, step_for
from store.devices import list_streams
from telemetry.people import Role
from telemetry.readings import Readings
from tests.dashboard.conftest import AIR, GAUGE, HOSTILE, SCRIPT, Town
from tests.fix_browser import complaints, visit

ZOOM = """() => {
  const chart = document.querySelector('#explorer-chart .js-plotly-plot');
  const read = (at) => (typeof at === 'number' ? at : Date.parse(at.replace(' ', 'T') + 'Z'));
  const [from, to] = chart.layout.xaxis.range.map(read);
  const hour = 3600e3;
  const inset = to - from > 5 * hour ? hour : 0;
  window.Plotly.relayout(chart, {'xaxis.range[0]': from + inset, 'xaxis.range[1]': to - inset});
}"""
# A chart that is drawn anew at that moment loses the zoom, as it would a person's: they zoom again.
ZOOM_UNTIL_ASKED = f"""() => {{
  if (location.search.includes('start=') && !location.search.includes('hours=')) return true;
  ({ZOOM})();
  return false;
}}"""


def test_the_band_holds_every_reading_and_no_more():
    times = np.arange(1000) * 60_000_000
    values = np.sin(np.arange(1000) / 9)
    band = spread(Readings.of(np.ones(1000), times, values), 50)
    assert len(band.times) == 50
    assert (band.low.min(), band.high.max()) == (values.min(), values.max())
    assert (band.low <= band.high).all()
    assert len(spread(Readings.of([], [], []), 50).times) == 0


def test_long_times_are_summed_up_and_short_ones_are_not(town: Town):
    stream = next(s for s in list_streams(town.conn, GAUGE) if s.metric == "water_level_m")
    raw = timedelta(seconds=RAW_READINGS * stream.interval_s)
    assert step_for(stream, raw) is None
    steps = [step_for(stream, timedelta(days=days)) for days in (30, 90, 366)]
    for days, step in zip((30, 90, 366), steps, strict=True):
        assert step is not None
        assert timedelta(days=days) / step <= MOST_STEPS
        assert timedelta(days=1) % step == timedelta(0)
    end = datetime.now(UTC)
    summed = read_tracks(town.conn, [stream.stream_id], end - timedelta(days=90), end, compare=True)[0]
    single = read_tracks(town.conn, [stream.stream_id], end - timedelta(hours=7), end, compare=False)[0]
    town.conn.commit()
    assert (summed.step, single.step) == (steps[1], None)
    assert summed.band is not None
    assert summed.series.readings == single.series.readings
    known = single.series.values[np.isfinite(single.series.values)]
    assert (summed.band.low.min(), summed.band.high.max()) == (known.min(), known.max())
    assert summed.before is not None
    assert summed.before.readings == 0


def test_an_export_has_every_stored_reading_of_its_streams_in_order(town: Town):
    tide, dust = town.stream(GAUGE, "water_level_m"), town.stream(AIR, "pm2_5")
    end = datetime.now(UTC) - timedelta(hours=1)
    between = {"start": (end - timedelta(hours=2)).isoformat(), "end": end.isoformat()}
    answer = town.get("/api/v1/export.csv", stream=[tide, dust], **between)
    assert answer.status_code == 200
    head, *rows = answer.text.split("\r\n")[:-1]
    assert head == "time,device,metric,unit,value,quality,faults"
    assert len(rows) == 2 * 120
    assert [row.split(",")[1] for row in (rows[0], rows[-1])] == [GAUGE, AIR]
    told = town.get("/api/v1/readings", stream=tide, **between).json()
    assert [float(row.split(",")[4]) for row in rows[:120]] == told["values"]
    assert sorted(rows[:120]) == rows[:120]


def test_history_of_any_streams_is_exported_as_a_file_in_each_format(town: Town):
    end = datetime.now(UTC) - timedelta(hours=1)
    asked = {"device": GAUGE, "start": (end - timedelta(hours=2)).isoformat(), "end": end.isoformat()}
    answers = {kind: town.get("/api/v1/export", format=kind, **asked) for kind in ("csv", "parquet", "arrow")}
    assert [answer.status_code for answer in answers.values()] == [200] * 3
    tables = [
        pyarrow.csv.read_csv(io.BytesIO(answers["csv"].content)),
        pyarrow.parquet.read_table(io.BytesIO(answers["parquet"].content)),
        pyarrow.ipc.open_stream(answers["arrow"].content).read_all(),
    ]
    first = tables[0]["value"].to_pylist()
    assert len(first) >= 120
    assert all(table["value"].to_pylist() == first for table in tables)
    assert all(set(table["device_id"].to_pylist()) == {GAUGE} for table in tables)
    assert town.get("/api/v1/export", device="ghost").status_code == 404
    assert town.get("/api/v1/export", start="yesterday").status_code == 422
    with town.as_role(Role.OPERATOR) as client:
        assert client.get("/api/v1/export", params=asked).status_code == 403


def test_an_export_that_cannot_be_made_says_why(town: Town):
    assert town.get("/api/v1/export.csv").status_code == 422
    assert town.get("/api/v1/export.csv", stream=2**30).status_code == 404
    assert town.get("/api/v1/export.csv", stream=1, start="yesterday").status_code == 422
    assert town.get("/api/v1/export.csv", stream=list(range(1, 12))).status_code == 422


PLOTS = "[...document.querySelectorAll('#explorer-chart .subplot')].map((plot) => plot.className.baseVal)"


def test_the_explorer_draws_what_its_address_says_and_zooming_asks_anew(browser: Any, town: Town):
    tide, dust = town.stream(GAUGE, "water_level_m"), town.stream(AIR, "pm2_5")
    with visit(browser, town.url + f"/explorer?streams={tide},{dust}&hours=6&compare=1&lang=en") as page:
        page.wait_for_selector("#explorer-chart .legendtext")
        drawn = page.evaluate(PLOTS)
        # A third only holds labels that other tests gave these streams, over one of the two.
        assert drawn[:2] == ["subplot xy", "subplot xy2"]
        assert set(drawn[2:]) <= {"subplot xy3", "subplot xy4"}
        assert f"stream={tide}" in page.get_attribute("#explorer-csv", "href")
        page.wait_for_function("() => location.search.includes('hours=6')")
        page.wait_for_function(ZOOM_UNTIL_ASKED, polling=3_000)
        shown = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
        assert abs(int(shown["end"]) - int(shown["start"]) - 4 * 3600e3) < 5000
        assert shown["streams"] == f"{tide},{dust}"
        table = page.locator("#explorer-table table:not(#explorer-labels)")
        assert table.locator("tbody tr").count() == 2
        assert "Lowest" in table.locator("thead").inner_text()
        assert complaints(page) == []
        page.focus("#explorer-wider")
        page.keyboard.press("Enter")
        page.wait_for_function(f"() => !location.search.includes('start={shown['start']}')")
        wider = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
        assert int(wider["start"]) == int(shown["start"]) - (int(shown["end"]) - int(shown["start"])) // 2
        page.wait_for_function("() => document.querySelector('#explorer-from').textContent.includes('/')")
        with page.expect_download() as download:
            page.click("#explorer-png")
        assert download.value.suggested_filename == "cityops.png"


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
