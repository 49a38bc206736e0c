"""The profile of Ho Chi Minh City holds together."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections import Counter
from typing import Any

import pytest

from launch.config import PROJECT, load_city
from telemetry.alerts import Severity
from telemetry.city import City
from telemetry.devices import DEVICE_ID
from telemetry.metrics import CITY_DOMAINS, METRICS
from telemetry.settings import Settings

FOLDER = PROJECT / "cities" / "hcmc"
LAYERS = ("canals", "districts", "metro", "outline", "rivers", "roads", "wards")
OUTSIDE_ZONE = "718"
"""Thủ Dầu Một, whose gauge lies outside the 22 former districts."""
KM_LAT, KM_LON = 110.6, 109.35


@pytest.fixture(scope="module")
def city() -> City:
    return load_city(Settings(city="hcmc"), {})


def features(city: City, layer: str) -> list[dict[str, Any]]:
    return json.loads(city.layers[layer])["features"]


def points(geometry: dict[str, Any]) -> list[list[float]]:
    found = geometry["coordinates"]
    return {"Point": [found], "LineString": found}.get(geometry["type"]) or found[0]


def distance_km(lon: float, lat: float, line: list[list[float]]) -> float:
    best = math.inf
    for (x1, y1), (x2, y2) in itertools.pairwise(line):
        ax, ay, bx, by = ((x1 - lon) * KM_LON, (y1 - lat) * KM_LAT, (x2 - lon) * KM_LON, (y2 - lat) * KM_LAT)
        length = (bx - ax) ** 2 + (by - ay) ** 2
        share = 0.0 if length == 0 else min(1.0, max(0.0, -(ax * (bx - ax) + ay * (by - ay)) / length))
        best = min(best, math.hypot(ax + share * (bx - ax), ay + share * (by - ay)))
    return best


def inside(lon: float, lat: float, ring: list[list[float]]) -> bool:
    crossings = 0
    for (x1, y1), (x2, y2) in itertools.pairwise(ring):
        if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
            crossings += 1
    return crossings % 2 == 1


def test_the_header(city: City) -> None:
    assert city.bbox == (106.56, 10.66, 106.84, 10.92)
    assert city.timezone == "Asia/Ho_Chi_Minh"
    assert "OpenStreetMap contributors" in city.attribution
    assert "ODbL" in city.attribution


def test_zones_are_the_former_districts(city: City) -> None:
    former = [zone for zone in city.zones if zone.code != OUTSIDE_ZONE]
    assert len(former) == 22
    assert sum(zone.population for zone in former) == 8_993_082
    assert sum(zone.area_km2 for zone in former) == pytest.approx(2095.38)
    assert {f["properties"]["code"] for f in features(city, "districts")} == {zone.code for zone in former}


def test_some_600_devices_send_some_60_messages_a_second(city: City) -> None:
    assert 560 <= len(city.devices) <= 640
    by_domain = Counter(device.domain for device in city.devices)
    assert all(by_domain[domain] >= 60 for domain in CITY_DOMAINS)
    assert 50 <= sum(1 / device.interval_s for device in city.devices) <= 70
    of_radio_networks_alone = {"snr_db", "frame_count"}
    used = {metric for device in city.devices for metric in device.metrics}
    assert used == set(METRICS) - of_radio_networks_alone


def test_device_ids_are_lower_case_slugs(city: City) -> None:
    for device in city.devices:
        assert DEVICE_ID.fullmatch(device.device_id)
        assert device.device_id == device.device_id.lower()
        assert not device.device_id.startswith("load-")


def test_every_name_is_in_both_languages_and_unique_to_read(city: City) -> None:
    named = Counter((device.domain, device.name_vi) for device in city.devices)
    assert [name for name, count in named.items() if count > 1] == []
    assert all(device.name_en.strip() and device.name_vi.strip() for device in city.devices)


def test_zone_is_where_the_device_stands(city: City) -> None:
    rings = {f["properties"]["code"]: f["geometry"]["coordinates"][0] for f in features(city, "districts")}
    for device in city.devices:
        if device.zone == OUTSIDE_ZONE:
            continue
        ring = rings[device.zone]
        # The polygons are coarse: a device on a border may fall just outside.
        near = distance_km(device.lon, device.lat, ring) < 1.0
        assert inside(device.lon, device.lat, ring) or near, device.device_id


def test_traffic_detectors_stand_on_their_road(city: City) -> None:
    roads = {f["properties"]["key"]: f for f in features(city, "roads")}
    for device in city.devices:
        if device.kind != "traffic_detector":
            continue
        road = roads[device.tags["road"]]
        assert distance_km(device.lon, device.lat, road["geometry"]["coordinates"]) < 0.09, device.device_id
        assert road["properties"]["class"] == device.tags["class"]
        assert device.tags["dir"] in "ab"


def test_nothing_stands_in_a_river(city: City) -> None:
    rivers = [(f["geometry"]["coordinates"], f["properties"]["width_m"]) for f in features(city, "rivers")]
    for device in city.devices:
        for line, width_m in rivers:
            assert distance_km(device.lon, device.lat, line) > width_m / 2000 - 0.01, device.device_id


def test_canal_gauges_stand_on_their_canal(city: City) -> None:
    canals = {f["properties"]["key"]: f["geometry"]["coordinates"] for f in features(city, "canals")}
    for device in city.devices:
        if device.kind == "canal_level":
            assert distance_km(device.lon, device.lat, canals[device.tags["canal"]]) < 0.05, device.device_id


def test_level_gauges_say_which_datum(city: City) -> None:
    for device in city.devices:
        if "water_level_m" in device.metrics:
            expected = "road" if device.kind == "flood_gauge" else "national"
            assert device.tags["datum"] == expected


def test_power_hangs_together(city: City) -> None:
    ids = {device.device_id for device in city.devices}
    for device in city.devices:
        for tag in ("feeder", "substation"):
            assert device.tags.get(tag, device.device_id) in ids


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_is_compact_geojson(city: City, layer: str) -> None:
    found = features(city, layer)
    assert found
    assert len(city.layers[layer].splitlines()) == len(found) + 2
    for feature in found:
        assert {"name_vi", "name_en", "source"} <= set(feature["properties"])
        for lon, lat in points(feature["geometry"]):
            assert 106 < lon < 108, "lon, lat order"
            assert 8 < lat < 12
            assert round(lon, 5) == lon
            assert round(lat, 5) == lat


def test_the_168_wards(city: City) -> None:
    names = [feature["properties"]["name_vi"] for feature in features(city, "wards")]
    kinds = Counter(name.split()[0] for name in names)
    assert (len(names), kinds["Phường"], kinds["Xã"], kinds["Đặc"]) == (168, 113, 54, 1)


def test_rivers_are_smooth(city: City) -> None:
    """No corner sharper than 40° between points close enough together to be seen as one."""
    for feature in features(city, "rivers"):
        line = feature["geometry"]["coordinates"]
        for a, b, c in zip(line, line[1:], line[2:], strict=False):
            first = math.atan2((b[1] - a[1]) * KM_LAT, (b[0] - a[0]) * KM_LON)
            second = math.atan2((c[1] - b[1]) * KM_LAT, (c[0] - b[0]) * KM_LON)
            turn = abs((second - first + math.pi) % (2 * math.pi) - math.pi)
            assert turn < math.radians(40), (feature["properties"]["key"], b)


def test_legal_alarm_levels_are_thresholds_too(city: City) -> None:
    assert city.alarm_levels["level-phu-an"].levels_m == {"bd1": 1.40, "bd2": 1.50, "bd3": 1.60}
    for device_id, levels in city.alarm_levels.items():
        assert "05/2020" in levels.source
        limits = {t.limit for t in city.thresholds if device_id in t.devices}
        assert limits == set(levels.levels_m.values())


def test_every_threshold_watches_something_and_cites_its_source(city: City) -> None:
    for threshold in city.thresholds:
        assert any(threshold.applies_to(d, m) for d in city.devices for m in d.metrics), threshold.key
        assert threshold.source
        assert threshold.name_vi != threshold.name_en
        if threshold.confidence == "K":
            assert "đề xuất" in threshold.source, threshold.key


def test_steps_of_a_family_grow_worse(city: City) -> None:
    ladders: dict[tuple[object, ...], list[tuple[float, Severity]]] = {}
    for t in city.thresholds:
        ladder = (t.family, t.metric, t.direction, t.kind, t.devices, tuple(t.tags.items()), t.averaging_s)
        ladders.setdefault(ladder, []).append((t.limit if t.direction == "high" else -t.limit, t.severity))
    for ladder, steps in ladders.items():
        ranks = [severity.rank for _, severity in sorted(steps, key=lambda step: step[0])]
        assert ranks == sorted(set(ranks)), ladder


def test_air_limits_are_the_standard_and_none_is_hourly_for_particles(city: City) -> None:
    air = {(t.metric, t.averaging_s): t.limit for t in city.thresholds if t.kind == "air_station"}
    assert air["pm2_5", 86_400] == 45
    assert air["no2", 3_600] == 200
    assert air["co", 8 * 3_600] == 10_000
    assert not {(metric, s) for metric, s in air if metric.startswith("pm") and s < 86_400}


def test_voltage_bands_are_5_and_10_percent(city: City) -> None:
    nominal = {d.tags["nominal_v"] for d in city.devices if "voltage_v" in d.metrics}
    for text in nominal:
        limits = sorted(t.limit for t in city.thresholds if t.tags.get("nominal_v") == text)
        assert limits == pytest.approx([float(text) * share for share in (0.90, 0.95, 1.05, 1.10)])


def test_sources_name_every_file() -> None:
    text = (FOLDER / "SOURCES.md").read_text(encoding="utf-8")
    for path in FOLDER.rglob("*"):
        if path.is_file() and path.suffix != ".md":
            assert f"`{path.relative_to(FOLDER).as_posix()}`" in text, path.name


def test_csv_files_have_no_stray_blanks() -> None:
    for name in ("devices.csv", "zones.csv"):
        with (FOLDER / name).open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                assert all(cell == cell.strip() for cell in row)


def test_no_python_knows_the_city() -> None:
    words = ("hcmc", "saigon", "phu_an", "phu-an", "nha_be", "vo_van_kiet", "ho chi minh")
    for folder in ("device_sims", "telemetry"):
        for path in (PROJECT / folder).glob("*.py"):
            text = path.read_text(encoding="utf-8").lower()
            if path.name == "settings.py":  # the default city's key
                text = text.replace('city: str = "hcmc"', "")
            assert [word for word in words if word in text] == [], path.name
