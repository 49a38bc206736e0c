"""From topics to codecs, names to device ids, units to units."""

from __future__ import annotations

import pytest

from telemetry.devices import DEVICE_ID, device_id_of
from telemetry.errors import ConfigError, PayloadError, TopicError
from telemetry.formats import Formats
from telemetry.metrics import METRICS
from telemetry.patterns import TopicPattern
from telemetry.settings import Field, Format, parse_settings
from telemetry.topics import SUBSCRIPTIONS
from telemetry.units import UNITS, convert


@pytest.mark.parametrize(
    ("pattern", "topic", "named"),
    [
        pytest.param("a/{device}/up", "a/x/up", {"device": "x"}, id="named"),
        pytest.param("a/+/{device}", "a/b/c", {"device": "c"}, id="plus"),
        pytest.param("a/{site}/#", "a/b/c/d", {"site": "b"}, id="hash"),
        pytest.param("a/{site}/#", "a/b", {"site": "b"}, id="hash-is-also-the-parent"),
        pytest.param("a/{device}", "a/b/c", None, id="too-long"),
        pytest.param("a/{device}/c", "a/b", None, id="too-short"),
        pytest.param("a/{device}", "b/b", None, id="another"),
    ],
)
def test_patterns_match_like_mqtt_and_remember(
    pattern: str, topic: str, named: dict[str, str] | None
) -> None:
    assert TopicPattern(pattern).match(topic) == named


@pytest.mark.parametrize("pattern", ["", "a/#/b", "a+/b", "a/{b}c", "$SYS/#", "{d}/{d}", "a/{D}"])
def test_bad_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(ConfigError):
        TopicPattern(pattern)


def test_subscriptions_and_routes_come_from_the_settings_in_their_order() -> None:
    toml = """
        [[ingest.formats]]
        topic = "vendor/{site}/{device}/up"
        format = "mapping"
        device = "{site}.{device}"
        readings = [{ metric = "temperature_c", path = "t", unit = "degF" }]
        [[ingest.formats]]
        topic = "vendor/#"
        format = "senml_json"
        metrics = { temp = "temperature_c", u = { metric = "voltage_v", unit = "mV" } }
    """
    formats = Formats(parse_settings(toml, {}).ingest.formats)
    assert formats.subscriptions == (*SUBSCRIPTIONS, "vendor/+/+/up", "vendor/#")
    assert formats.route("vendor/d 1/Box/up").device_id == "d-1.Box"
    assert formats.route("vendor/d1/box/down").device_id == ""
    assert formats.route("city/traffic/d1/telemetry").city is not None
    with pytest.raises(TopicError):
        formats.route("other/d1")


@pytest.mark.parametrize(
    ("format_", "named"),
    [
        pytest.param(Format("a", "xml"), "xml", id="unknown-format"),
        pytest.param(Format("a/{device}", "senml_json", each="x"), "each", id="not-for-it"),
        pytest.param(Format("a/{device}", "senml_json", device="{box}"), "box", id="unnamed-level"),
        pytest.param(Format("a/{device}", "cityops_json", device_path="x"), "cityops_json", id="no-path"),
        pytest.param(Format("a", "mapping", readings=(Field("pm10", path="["),)), "path", id="bad-path"),
    ],
)
def test_a_mistake_in_the_settings_is_named(format_: Format, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Formats([format_])


def test_a_misspelt_key_of_a_format_is_named() -> None:
    with pytest.raises(ConfigError, match="topik"):
        parse_settings('[[ingest.formats]]\ntopik = "a"\nformat = "mapping"\n', {})


@pytest.mark.parametrize(
    ("name", "device_id"),
    [
        pytest.param("loop-1", "loop-1", id="as-it-is"),
        pytest.param("Trạm đo Phú An", "Tram-do-Phu-An", id="vietnamese"),
        pytest.param("urn:dev:ow:10e2", "urn-dev-ow-10e2", id="urn"),
        pytest.param("0016C001F153A14C", "0016c001f153a14c", id="eui"),
        pytest.param("../etc/passwd", "etc-passwd", id="path"),
        pytest.param("<script>", "script", id="markup"),
    ],
)
def test_a_foreign_name_becomes_a_device_id(name: str, device_id: str) -> None:
    assert device_id_of(name) == device_id
    assert DEVICE_ID.fullmatch(device_id)
    assert device_id_of(device_id) == device_id


@pytest.mark.parametrize("name", ["", "!!", "x" * 65, "x" * 10_000, "站"])
def test_a_name_that_makes_no_device_id_is_refused(name: str) -> None:
    with pytest.raises(PayloadError, match="device"):
        device_id_of(name)


@pytest.mark.parametrize(
    ("value", "unit", "to", "result"),
    [
        pytest.param(212, "degF", "°C", 100, id="fahrenheit"),
        pytest.param(273.15, "K", "°C", 0, id="kelvin"),
        pytest.param(10, "m/s", "km/h", 36, id="speed"),
        pytest.param(1, "/", "%", 100, id="ratio"),
        pytest.param(-100, "dBW", "dBm", -70, id="decibels"),
        pytest.param(0.05, "mg/m3", "µg/m³", 50, id="density"),
        pytest.param(36, "m3/h", "m³/s", 0.01, id="flow"),
        pytest.param(20, "veh/min", "veh/h", 1200, id="vehicles"),
    ],
)
def test_units_are_converted(value: float, unit: str, to: str, result: float) -> None:
    assert convert(value, unit, to) == pytest.approx(result, abs=1e-9)
    assert convert(result, to, unit) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(("unit", "to"), [("V", "A"), ("ppb", "µg/m³"), ("dB", "dBm"), ("", "m")])
def test_what_is_not_the_same_quantity_is_refused(unit: str, to: str) -> None:
    with pytest.raises(PayloadError) as caught:
        convert(1, unit, to)
    assert caught.value.reason == "unit"


def test_every_metrics_unit_is_in_the_table() -> None:
    assert {metric.unit for metric in METRICS.values()} <= set(UNITS)
