"""A city profile is read whole or refused with the file and the key named."""

from __future__ import annotations

import pytest

from telemetry.alerts import Severity
from telemetry.city import parse_city
from telemetry.errors import ConfigError
from telemetry.metrics import Domain

HEADER = """
key = "delta"
name_vi = "Thành phố Thử"
name_en = "Test City"
timezone = "Asia/Ho_Chi_Minh"
center = [10.0, 106.0]
bbox = [105.9, 9.9, 106.1, 10.1]
attribution = "nobody"
[[gauge]]
device_id = "level-1"
levels_m = { bd1 = 1.0, bd3 = 1.4 }
source = "a decision"
confidence = "V"
"""
ZONES = (
    "code,name_vi,name_en,lat,lon,area_km2,population,confidence\n"
    "1,Quận Một,District One,10.0,106.0,3.5,1200,D\n"
)
DEVICES = (
    "device_id,domain,kind,name_vi,name_en,lat,lon,zone,interval_s,metrics,tags\n"
    "level-1,drainage,tide_gauge,Trạm một,Gauge one,10.0,106.0,1,10,"
    "water_level_m battery_pct,datum=national;x=a=b\n"
)
THRESHOLD = """
[[threshold]]
key = "high-water"
family = "tide"
metric = "water_level_m"
direction = "high"
severity = "major"
limit = 1.4
clear = 1.3
min_duration_s = 60
source = "a decision"
confidence = "V"
name_vi = "Nước cao"
name_en = "High water"
tags = { datum = "national" }
"""
LAYER = '{"type":"FeatureCollection","features":[]}'


def files(**changes: str) -> dict[str, bytes]:
    texts = {
        "city.toml": HEADER,
        "zones.csv": ZONES,
        "devices.csv": DEVICES,
        "thresholds.toml": THRESHOLD,
        "layers/rivers.geojson": LAYER,
        "tide.toml": "a = 1",
    }
    texts |= {name.replace("__", "/").replace("_dot_", "."): text for name, text in changes.items()}
    return {name: text.encode() for name, text in texts.items()}


def test_a_profile_is_read() -> None:
    city = parse_city(files())
    assert (city.key, city.name_vi, city.center) == ("delta", "Thành phố Thử", (10.0, 106.0))
    assert city.zones[0].population == 1200
    device = city.devices[0]
    assert (device.domain, device.metrics) == (Domain.DRAINAGE, ("water_level_m", "battery_pct"))
    assert device.tags == {"datum": "national", "x": "a=b"}
    assert city.alarm_levels["level-1"].levels_m == {"bd1": 1.0, "bd3": 1.4}
    assert city.layers == {"rivers": LAYER.encode()}
    assert city.sim == {"tide": {"a": 1}}
    assert city.thresholds[0].severity is Severity.MAJOR


def test_a_threshold_watches_what_matches_it() -> None:
    city = parse_city(files())
    threshold, device = city.thresholds[0], city.devices[0]
    assert threshold.applies_to(device, "water_level_m")
    assert not threshold.applies_to(device, "battery_pct")
    other = parse_city(files(devices_dot_csv=DEVICES.replace("datum=national", "datum=road"))).devices[0]
    assert not threshold.applies_to(other, "water_level_m")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"city_dot_toml": HEADER + "colour = 1"}, "colour", id="unknown key"),
        pytest.param({"city_dot_toml": HEADER.replace('"delta"', "3")}, "city.toml", id="wrong type"),
        pytest.param({"city_dot_toml": HEADER.replace("Ho_Chi_Minh", "Nowhere")}, "timezone", id="zone"),
        pytest.param({"city_dot_toml": HEADER.replace("Asia/Ho_Chi_Minh", "../etc")}, "timezone", id="path"),
        pytest.param({"city_dot_toml": HEADER.replace("105.9", "107")}, "bbox", id="bbox"),
        pytest.param(
            {"city_dot_toml": HEADER.replace("[10.0, 106.0]", "[106.0, 10.0]")}, "lat, lon", id="order"
        ),
        pytest.param({"city_dot_toml": HEADER.replace("level-1", "level-9")}, "level-9", id="gauge"),
        pytest.param(
            {"city_dot_toml": HEADER.replace("bd3 = 1.4", "bd3 = 0.4")}, "rise", id="falling levels"
        ),
        pytest.param({"city_dot_toml": "= ="}, "city.toml", id="not toml"),
        pytest.param(
            {"zones_dot_csv": ZONES.replace("area_km2", "area")}, "zones.csv: columns", id="columns"
        ),
        pytest.param({"zones_dot_csv": ZONES + ZONES.splitlines()[1]}, "'1' stands twice", id="zone twice"),
        pytest.param({"zones_dot_csv": ZONES.replace("10.0,106.0", "x,106.0")}, "line 2", id="not a number"),
        pytest.param({"zones_dot_csv": ZONES.replace("10.0,106.0", "nan,106.0")}, "line 2", id="nan"),
        pytest.param(
            {"devices_dot_csv": DEVICES.replace("level-1", "a/b")}, "device_id is not safe", id="id"
        ),
        pytest.param({"devices_dot_csv": DEVICES.replace(",1,10,", ",7,10,")}, "zone '7'", id="no zone"),
        pytest.param({"devices_dot_csv": DEVICES.replace(",1,10,", ",1,0,")}, "interval_s", id="interval"),
        pytest.param(
            {"devices_dot_csv": DEVICES.replace("drainage", "device")}, "domain device", id="domain"
        ),
        pytest.param(
            {"devices_dot_csv": DEVICES.replace("battery_pct", "speed_kmh")}, "speed_kmh", id="metric"
        ),
        pytest.param(
            {"devices_dot_csv": DEVICES.replace("datum=national", "datum")}, "tag 'datum'", id="tag"
        ),
        pytest.param({"devices_dot_csv": DEVICES + "level-2,drainage\n"}, "line 3", id="short row"),
        pytest.param(
            {"devices_dot_csv": DEVICES + DEVICES.splitlines()[1]}, "stands twice", id="device twice"
        ),
        pytest.param(
            {"thresholds_dot_toml": THRESHOLD.replace("1.3", "1.5")}, "clear lies beyond", id="clear"
        ),
        pytest.param(
            {"thresholds_dot_toml": THRESHOLD.replace("water_level_m", "mood")}, "'mood'", id="no metric"
        ),
        pytest.param(
            {"thresholds_dot_toml": THRESHOLD.replace("major", "awful")}, "high-water", id="severity"
        ),
        pytest.param(
            {"thresholds_dot_toml": THRESHOLD + 'devices = ["q"]'}, "thresholds.toml", id="bad tags"
        ),
        pytest.param({"thresholds_dot_toml": THRESHOLD.replace("60", "-1")}, "negative", id="duration"),
        pytest.param({"thresholds_dot_toml": THRESHOLD + THRESHOLD}, "stands twice", id="threshold twice"),
        pytest.param({"thresholds_dot_toml": "[limits]"}, "[[threshold]]", id="other tables"),
        pytest.param({"layers__rivers_dot_geojson": "{"}, "layers/rivers.geojson", id="layer json"),
        pytest.param(
            {"layers__rivers_dot_geojson": '{"type":"Feature"}'}, "FeatureCollection", id="layer kind"
        ),
    ],
)
def test_a_wrong_profile_is_refused_by_name(changes: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_city(files(**changes))
    assert said in caught.value.message


@pytest.mark.parametrize("name", ["city.toml", "zones.csv", "devices.csv", "thresholds.toml"])
def test_a_missing_file_is_named(name: str) -> None:
    found = files()
    del found[name]
    with pytest.raises(ConfigError, match=name):
        parse_city(found)


def test_bytes_that_are_not_text_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"devices\.csv"):
        parse_city(files() | {"devices.csv": b"\xff\xfe"})
