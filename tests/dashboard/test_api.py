"""The REST interface, over HTTP, on a real database."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from telemetry.alerts import Severity
from telemetry.errors import CityOpsError
from tests.dashboard.conftest import AIR, GAUGE, HOSTILE, SCRIPT, SILENT, Town, wait_for


def test_city_profile_names_layers_zones_and_metrics(town: Town):
    body = town.get("/api/v1/city").json()
    assert body["name"]["vi"] == "Thành phố Hồ Chí Minh"
    assert "rivers" in body["layers"]
    assert len(body["zones"]) == len(town.city.zones)
    assert {m["key"] for m in body["metrics"]} >= {"water_level_m", "pm2_5"}


def test_layers_are_packed_ahead_and_known_by_their_etag(town: Town):
    for name in town.city.layers:
        answer = town.get(f"/api/v1/layers/{name}")
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.json()["type"] == "FeatureCollection"
    again = httpx.get(
        f"{town.url}/api/v1/layers/rivers",
        headers=town.cookie() | {"if-none-match": town.get("/api/v1/layers/rivers").headers["etag"]},
    )
    assert again.status_code == 304
    headers = town.cookie() | {"accept-encoding": "identity"}
    plain = httpx.get(f"{town.url}/api/v1/layers/rivers", headers=headers)
    assert plain.content == town.city.layers["rivers"]


def test_devices_carry_streams_and_state(town: Town):
    rows = {row["device_id"]: row for row in town.get("/api/v1/devices").json()}
    assert len(rows) == len(town.city.devices) + 1
    assert rows[GAUGE]["state"] == "major"
    assert rows[SILENT]["state"] == "silent"
    assert [s["metric"] for s in rows[GAUGE]["streams"]] == ["water_level_m"]


def test_device_detail_has_newest_values_and_standing_alerts(town: Town):
    body = town.get(f"/api/v1/devices/{GAUGE}").json()
    assert body["latest"][0]["unit"] == "m"
    assert body["alerts"][0]["text"]["vi"] == "Mực nước đạt báo động II: 1,52\xa0m (ngưỡng 1,50\xa0m)"
    assert body["alerts"][0]["text"]["en"] == "Water level at alarm II: 1.52\xa0m (limit 1.50\xa0m)"


def test_what_is_hostile_comes_back_as_it_is(town: Town):
    body = town.get(f"/api/v1/devices/{HOSTILE}").json()
    assert body["name"]["vi"] == SCRIPT
    assert body["tags"]["note"] == SCRIPT


@pytest.mark.parametrize(
    ("path", "parameters", "status"),
    [
        ("/api/v1/devices/nobody", {}, 404),
        ("/api/v1/layers/nothing", {}, 404),
        ("/api/v1/nothing", {}, 404),
        ("/api/nothing", {}, 404),
        ("/vendor/nothing.js", {}, 404),
        ("/api/v1/readings", {}, 422),
        ("/api/v1/readings", {"stream": "x"}, 422),
        ("/api/v1/readings", {"stream": 2**31}, 422),
        ("/api/v1/readings", {"stream": 2**31 - 1}, 404),
        ("/api/v1/readings", {"stream": 1, "start": "yesterday"}, 422),
        ("/api/v1/readings", {"stream": 1, "start": "2026-01-01T00:00:00"}, 422),
        (
            "/api/v1/readings",
            {"stream": 1, "start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"},
            422,
        ),
        ("/api/v1/readings", {"stream": 1, "start": 0}, 422),
        ("/api/v1/readings", {"stream": 1, "start": "9" * 30}, 422),
        ("/api/v1/readings", {"stream": 1, "max_points": 1}, 422),
        ("/api/v1/readings", {"stream": 1, "max_points": 10_001}, 422),
        ("/api/v1/alerts", {"status": "loud"}, 422),
        ("/api/v1/alerts", {"limit": 0}, 422),
    ],
)
def test_errors_are_problems_that_say_what_is_wrong(town: Town, path, parameters, status):
    answer = town.get(path, **parameters)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["detail"]
    assert "Traceback" not in answer.text


def test_readings_of_the_last_six_hours_by_default(town: Town):
    stream = town.stream(GAUGE, "water_level_m")
    body = town.get("/api/v1/readings", stream=stream).json()
    assert body["unit"] == "m"
    assert 300 <= body["readings"] <= 400
    assert not body["downsampled"]
    assert len(body["times"]) == len(body["values"]) == len(body["qualities"])
    assert body["times"] == sorted(body["times"])


@pytest.mark.parametrize("as_text", [True, False], ids=["rfc3339", "epoch-ms"])
def test_a_range_is_taken_in_either_form(town: Town, as_text: bool):
    end = datetime.now(UTC) - timedelta(hours=2)  # well inside the past that was written at the start
    start = end - timedelta(minutes=30)
    bounds = [t.isoformat() if as_text else round(t.timestamp() * 1000) for t in (start, end)]
    stream = town.stream(AIR, "pm2_5")
    body = town.get("/api/v1/readings", stream=stream, start=bounds[0], end=bounds[1]).json()
    assert 28 <= body["readings"] <= 31
    assert all(start.timestamp() * 1000 <= t <= end.timestamp() * 1000 for t in body["times"])


@pytest.mark.parametrize("points", [2, 3, 50, 101])
def test_thinning_keeps_to_the_number_asked_for(town: Town, points: int):
    stream = town.stream(AIR, "pm2_5")
    body = town.get("/api/v1/readings", stream=stream, max_points=points).json()
    assert body["downsampled"]
    assert sum(value is not None for value in body["values"]) <= points


def test_a_gap_is_marked_with_null(town: Town):
    stream = town.stream(AIR, "no2")
    now = datetime.now(UTC)
    for minutes in (*range(120, 100, -1), *range(40, 30, -1)):
        town.commit([stream], [20.0], now - timedelta(minutes=minutes))
    body = town.get("/api/v1/readings", stream=stream).json()
    assert body["values"].count(None) == 1
    assert body["readings"] == len(body["values"]) - 1


def test_latest_readings(town: Town):
    at = town.commit([town.stream(AIR, "o3")], [61.5])
    newest = wait_for(
        lambda: [row for row in town.get("/api/v1/readings/latest").json() if row["metric"] == "o3"]
    )
    assert newest[0] | {"stream_id": 0} == {
        "stream_id": 0, "device_id": AIR, "metric": "o3", "unit": "µg/m³", "time": at, "value": 61.5,
        "quality": 0, "faults": [],
    }  # fmt: skip


def test_the_city_at_an_instant(town: Town):
    stream = town.stream(AIR, "o3")
    at = town.commit([stream], [48.5])
    now = town.get("/api/v1/state").json()
    place = now["stream_ids"].index(stream)
    newest = now["times"][place]
    assert newest == at
    assert (now["values"][place], now["qualities"][place]) == (48.5, 0)
    then = town.get("/api/v1/state", at=str(newest - 1), within_s=7200).json()
    assert dict(zip(then["stream_ids"], then["times"], strict=True)).get(stream, 0) < newest
    assert town.get("/api/v1/state", at="yesterday").status_code == 422
    assert town.get("/api/v1/state", at="0001-01-01T00:00:00Z").status_code == 422


def test_series_over_any_range(town: Town):
    stream, other = town.stream(AIR, "no2"), town.stream(AIR, "co")
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=40)
    for minute in range(0, 180, 2):  # an hour is missing in the middle
        if not 60 <= minute < 120:
            town.commit([stream], [float(minute)], end - timedelta(minutes=180 - minute))
    span = {"start": (end - timedelta(hours=3)).isoformat(), "end": end.isoformat()}
    few = town.get("/api/v1/series", stream=[stream, other], **span).json()
    assert few["step_s"] is None
    assert [one["stream"]["stream_id"] for one in few["series"]] == [stream, other]
    assert few["series"][1]["times"] == []
    mine = few["series"][0]
    assert mine["means"] == mine["lows"] == [float(m) for m in range(0, 180, 2) if not 60 <= m < 120]
    assert [place for place, gap in enumerate(mine["gaps"]) if gap] == [30]
    summed = town.get("/api/v1/series", stream=stream, points=3, **span).json()
    assert summed["step_s"] == 3600
    assert summed["series"][0]["means"] == [29.0, 149.0]
    assert summed["series"][0]["highs"] == [58.0, 178.0]
    assert summed["series"][0]["counts"] == [30, 30]
    assert town.get("/api/v1/series", stream=2**31 - 1).status_code == 404
    assert town.get("/api/v1/series").status_code == 422
    assert town.get("/api/v1/series", stream=stream, start=span["end"], end=span["start"]).status_code == 422


def test_faults_of_a_sensor_follow_its_values(town: Town):
    stream = town.stream(AIR, "so2")
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=35)
    for minute in range(0, 120, 2):
        town.commit([stream], [float(minute)], end - timedelta(minutes=120 - minute))
    found = {"detector": "stuck", "rule": "stuck", "severity": Severity.MINOR}
    town.find(f"stuck:{stream}", stream, at=end - timedelta(minutes=45), lasted_s=900.0, **found)
    now = {row["stream_id"]: row["faults"] for row in town.get("/api/v1/readings/latest").json()}
    assert now[stream] == ["stuck"]
    town.find(f"stuck:{stream}", stream, state="cleared", at=end - timedelta(minutes=15), **found)
    span = {"start": (end - timedelta(hours=2)).isoformat(), "end": end.isoformat()}
    raw = town.get("/api/v1/readings", stream=stream, **span).json()
    assert raw["bad"].count(True) == 23  # the readings of a quarter of an hour and of the half hour after
    (fault,) = raw["faults"]
    assert fault["kind"] == "stuck"
    assert fault["start"] == round((end - timedelta(hours=1)).timestamp() * 1000)
    summed = town.get("/api/v1/series", stream=stream, points=2, **span).json()["series"][0]
    assert summed["bad"] == [0.0, 0.75]
    assert [one["kind"] for one in summed["faults"]] == ["stuck"]
    then = town.get("/api/v1/state", at=(end - timedelta(minutes=30)).isoformat()).json()
    assert then["faults"][then["stream_ids"].index(stream)] == ["stuck"]


def test_alerts_by_status_domain_and_device(town: Town):
    assert {a["device_id"] for a in town.get("/api/v1/alerts", device=GAUGE).json()} == {GAUGE}
    drains = town.get("/api/v1/alerts", domain="drainage", status="open").json()
    assert {GAUGE, SILENT} <= {alert["device_id"] for alert in drains}
    assert town.get("/api/v1/alerts", status="closed").json() == []
    assert len(town.get("/api/v1/alerts", limit=1).json()) == 1


def test_snapshot_is_what_a_client_starts_from(town: Town):
    body = town.get("/api/v1/snapshot").json()
    assert body["feed"] == "live"
    assert body["states"][SILENT] == "silent"
    assert {alert["device_id"] for alert in body["alerts"]} >= {GAUGE, SILENT, HOSTILE}
    assert body["tiles"]["devices"] == len(town.city.devices) + 1
    assert len(body["rates"]) == 90


def test_health_readiness_and_metrics(town: Town):
    assert town.get("/healthz").json() == {"status": "ok"}
    assert town.get("/readyz").json() == {"ready": True, "database": True, "migrated": True, "feed": True}
    assert "cityops_live_frames_total" in town.get("/metrics").text


def test_openapi_describes_every_route_and_its_viewer_is_local(town: Town):
    document = town.get("/api/openapi.json").json()
    assert {
        "/api/v1/city", "/api/v1/layers/{name}", "/api/v1/devices", "/api/v1/devices/{device_id}",
        "/api/v1/streams", "/api/v1/readings", "/api/v1/readings/latest", "/api/v1/alerts",
        "/api/v1/alerts/{alert_id}", "/api/v1/alerts/actions", "/api/v1/alerts/{alert_id}/{verb}",
        "/api/v1/snapshot", "/api/v1/session", "/healthz", "/readyz",
    } <= set(document["paths"])  # fmt: skip
    page = town.get("/api/docs").text
    assert "http" not in page
    assert town.get("/vendor/swagger-ui.js").status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/v1/city", "/api/v1/nothing", "/healthz", "/assets/live.js"])
def test_every_answer_has_the_security_headers(town: Town, path: str):
    headers = town.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]


def test_a_foreign_host_name_is_refused(town: Town):
    answer = httpx.get(town.url + "/api/v1/snapshot", headers={"host": "evil.example"})
    assert answer.status_code == 400


def test_large_files_are_compressed_ahead(town: Town):
    with httpx.stream(
        "GET", town.url + "/vendor/maplibre-gl.js", headers={"accept-encoding": "gzip"}
    ) as answer:
        raw = b"".join(answer.iter_raw())
    assert b"maplibregl" in gzip.decompress(raw)


def test_a_port_in_use_is_a_clear_error(town: Town):
    import threading

    from dashboard.service import run

    with pytest.raises(CityOpsError, match="cannot listen"):
        run(town.settings, town.city, threading.Event())


def test_dashs_scripts_come_compressed_and_whole(town: Town):
    page = town.get("/").text
    scripts = [src for src in re.findall(r'src="([^"]+)"', page) if "/_dash-component-suites/" in src]
    assert len(scripts) > 5
    for source in scripts:
        plain = httpx.get(town.url + source, headers={"accept-encoding": "identity"})
        packed = httpx.get(town.url + source, headers={"accept-encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["cache-control"] == plain.headers["cache-control"]
        assert packed.num_bytes_downloaded < len(plain.content)
        assert packed.content == plain.content
    assert httpx.get(f"{town.url}/_dash-component-suites/dash/nothing.js").status_code >= 400


def test_the_catalogue_is_sent_once(town: Town):
    first = town.get("/api/v1/catalogue")
    found = {device["device_id"]: device for device in first.json()}
    assert found[GAUGE]["streams"][0]["metric"] == "water_level_m"
    assert HOSTILE in found
    again = httpx.get(
        f"{town.url}/api/v1/catalogue",
        headers={**town.cookie(), "if-none-match": first.headers["etag"]},
    )
    assert again.status_code == 304
    assert again.content == b""
