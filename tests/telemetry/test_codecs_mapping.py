"""Any other JSON: paths, times and units of the settings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from telemetry.codecs import Arrival, make_codec
from telemetry.codecs.documents import Path
from telemetry.errors import ConfigError, PayloadError
from telemetry.payloads import rfc3339_us
from telemetry.settings import Field, Format

NOW_US = 1_795_406_400_000_000
HERE = Arrival("v/box-1", "box-1", NOW_US)
TEMPERATURE = (Field("temperature_c", path="t", unit="degF"),)


def decode(message: Any, **settings: Any) -> list[tuple[str, int | None, dict[str, float]]]:
    codec = make_codec(Format("v/{device}", "mapping", **({"readings": TEMPERATURE} | settings)))
    return [(s.device_id, s.time, s.values) for s in codec.decode(json.dumps(message).encode(), HERE)]


def test_paths_lead_to_readings_with_unit_factor_and_offset() -> None:
    message = {"d": {"s": [{"id": "a", "v": 5}, {"id": "b", "v": 212}]}, "lvl": 1500, "batt": None}
    readings = (
        Field("temperature_c", path="d.s[id=b].v", unit="degF"),
        Field("humidity_pct", path="d.s[0].v", factor=10, offset=1),
        Field("water_level_m", path="lvl", unit="mm"),
        Field("battery_pct", path="batt"),
        Field("voltage_v", path="d.s[9].v"),
    )
    ((device_id, time, values),) = decode(message, readings=readings)
    assert (device_id, time) == ("box-1", None)
    assert values == pytest.approx({"temperature_c": 100, "humidity_pct": 51, "water_level_m": 1.5})


def test_each_record_has_its_time_and_device() -> None:
    message = {
        "site": "Phú An",
        "boxes": [
            {"name": "Đo 1", "log": [{"at": 1795406400, "t": 32}, {"at": 1795406460, "t": 50}]},
            {"name": "do 2", "log": [{"at": 1795406400, "t": 212}, {"at": 1795406400, "note": "cleaned"}]},
        ],
    }
    found = decode(
        message, each="boxes[*].log[*]", time_path="at", time_format="epoch_s", device_path="$.site"
    )
    assert [(time, round(values["temperature_c"], 9)) for _, time, values in found] == [
        (NOW_US, 0), (NOW_US + 60_000_000, 10), (NOW_US, 100),
    ]  # fmt: skip
    assert {device_id for device_id, _, _ in found} == {"Phu-An"}
    first = {"readings": (Field("rain_mmph", path="log[0].t"),), "time_path": "log[0].at"}
    found = decode(message["boxes"], each="[*]", device_path="name", time_format="epoch_s", **first)
    assert [device_id for device_id, _, _ in found] == ["Do-1", "do-2"]


@pytest.mark.parametrize(
    ("time_format", "zone", "value"),
    [
        pytest.param("epoch_s", "", 1795406400, id="s"),
        pytest.param("epoch_ms", "", 1795406400000, id="ms"),
        pytest.param("epoch_us", "", 1795406400000000, id="us"),
        pytest.param("epoch_ns", "", 1795406400000000000, id="ns"),
        pytest.param("rfc3339", "", "2026-11-23T11:00:00+07:00", id="rfc3339"),
        pytest.param("%d/%m/%Y %H:%M:%S", "Asia/Ho_Chi_Minh", "23/11/2026 11:00:00", id="local"),
        pytest.param("%Y%m%d%H%M%S%z", "", "20261123040000+0000", id="pattern-with-zone"),
    ],
)
def test_times_are_read_as_they_are_said_to_be(time_format: str, zone: str, value: Any) -> None:
    found = decode({"t": 1, "at": value}, time_path="at", time_format=time_format, time_zone=zone)
    assert found[0][1] == rfc3339_us("2026-11-23T04:00:00Z")


@pytest.mark.parametrize(
    ("message", "settings", "reason"),
    [
        pytest.param({"x": 1}, {}, "shape", id="nothing-there"),
        pytest.param({"t": "1"}, {}, "value", id="text"),
        pytest.param({"t": 1, "at": "x"}, {"time_path": "at"}, "time", id="no-time"),
        pytest.param(
            {"t": 1, "at": 1795406400000}, {"time_path": "at", "time_format": "epoch_s"}, "time", id="ms"
        ),
        pytest.param([{"t": 1}, {"t": 2}], {"each": "[*]"}, "time", id="records-without-time"),
        pytest.param([{"t": 1}] * 2_001, {"each": "[*]"}, "shape", id="too-many"),
        pytest.param({"t": 1}, {"device_path": "name"}, "device", id="no-name"),
        pytest.param({"t": 1, "name": "!!"}, {"device_path": "name"}, "device", id="no-usable-name"),
        pytest.param({"t": 1, "a": [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}, {}, "shape", id="deep"),
        pytest.param({"t": 10**400}, {}, "value", id="immense"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_why(message: Any, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(message, **settings)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        pytest.param({"readings": ()}, "reads nothing", id="no-readings"),
        pytest.param({"readings": (Field("temperature_c"),)}, "reads nothing", id="no-path"),
        pytest.param({"readings": (Field("warmth", path="t"),)}, "warmth", id="unknown-metric"),
        pytest.param({"readings": (Field("pm10", path="t", unit="V"),)}, "pm10", id="wrong-unit"),
        pytest.param({"readings": (Field("pm10", path="a[*].t"),)}, r"\[\*\]", id="many-outside-each"),
        pytest.param({"time_format": "unix"}, "unix", id="unknown-time"),
        pytest.param({"time_format": "%H:%M"}, "zone", id="no-zone"),
        pytest.param({"time_zone": "Asia/Saigon2"}, "Saigon2", id="unknown-zone"),
        pytest.param({"device_path": "a..b"}, r"a\.\.b", id="bad-path"),
    ],
)
def test_a_mistake_in_the_settings_is_named(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        decode({}, **settings)


@pytest.mark.parametrize("text", ["a.", "[", "a[x]", "a[-1]", ".".join("a" * 17)])
def test_a_path_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Path(text)
