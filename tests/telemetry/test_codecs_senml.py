"""SenML: the examples of RFC 8428, in JSON and in CBOR."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import cbor2
import pytest

from telemetry.codecs import Arrival, make_codec
from telemetry.errors import ConfigError, PayloadError
from telemetry.settings import Field, Format

NOW_US = 1_795_406_400_000_000
NOW_S = NOW_US // 1_000_000
HERE = Arrival("plant/gw-1", "gw-1", NOW_US)
NOWHERE = Arrival("plant", "", NOW_US)
ALIASES: dict[str, str | Field] = {
    "": "temperature_c", "voltage": "voltage_v", "current": "current_a", "humidity": "humidity_pct",
    "temp": "temperature_c", "power": "active_power_kw", "power.sum": "energy_kwh",
}  # fmt: skip
LABELS = {"bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6} | {
    "n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "s": 5, "t": 6, "ut": 7, "vd": 8,
}  # fmt: skip


def decode(
    pack: Any, arrival: Arrival = HERE, **settings: Any
) -> list[tuple[str, int | None, dict[str, float]]]:
    """What a pack says in both encodings, which must be the same."""
    settings = {"metrics": ALIASES} | settings
    as_json = make_codec(Format("plant/{device}", "senml_json", **settings))
    as_cbor = make_codec(Format("plant/{device}", "senml_cbor", **settings))
    samples = as_json.decode(json.dumps(pack).encode(), arrival)
    labelled = [{LABELS.get(k, k): v for k, v in record.items()} for record in pack]
    assert as_cbor.decode(cbor2.dumps(labelled), arrival) == samples
    return [(sample.device_id, sample.time, sample.values) for sample in samples]


def test_a_single_point_has_no_time_but_now() -> None:
    pack = [{"n": "urn:dev:ow:10e2073a01080063", "u": "Cel", "v": 23.1}]  # RFC 8428 §5.1.1
    assert decode(pack, NOWHERE) == [("urn-dev-ow-10e2073a01080063", NOW_US, {"temperature_c": 23.1})]
    (sample,) = make_codec(Format("p", "senml_json", metrics=ALIASES)).decode(
        json.dumps(pack).encode(), NOWHERE
    )
    assert sample.from_arrival


def test_base_name_time_and_unit_hold_for_what_follows() -> None:
    pack = [  # RFC 8428 §5.1.2, its second example with the years moved
        {"bn": "urn:dev:ow:10e2073a0108006:", "bt": NOW_S + 0.001, "bu": "A", "bver": 5,
         "n": "voltage", "u": "V", "v": 120.1},
        {"n": "current", "t": -5, "v": 1.2},
        {"n": "current", "t": -4, "v": 1.3},
    ]  # fmt: skip
    device = "urn-dev-ow-10e2073a0108006"
    assert decode(pack, NOWHERE) == [
        (device, NOW_US + 1_000, {"voltage_v": 120.1}),
        (device, NOW_US + 1_000 - 5_000_000, {"current_a": 1.2}),
        (device, NOW_US + 1_000 - 4_000_000, {"current_a": 1.3}),
    ]


def test_one_pack_speaks_for_several_devices_and_skips_what_is_no_number() -> None:
    pack = [  # after RFC 8428 §5.1.3 and §5.1.4
        {"bn": "urn:dev:ow:10e2073a01080063", "bt": NOW_S, "bu": "%RH", "v": 20},
        {"bn": "loop-1/", "bu": "", "n": "label", "vs": "Machine Room"},
        {"n": "temp", "u": "K", "v": 300.15},
        {"n": "open", "vb": False},
    ]
    found = decode(pack, NOWHERE, metrics={"": "humidity_pct", "temp": "temperature_c"})
    assert found[0] == ("urn-dev-ow-10e2073a01080063", NOW_US, {"humidity_pct": 20.0})
    assert found[1][:2] == ("loop-1", NOW_US)
    assert found[1][2] == pytest.approx({"temperature_c": 27.0})


@pytest.mark.parametrize(
    ("seconds", "time"),
    [
        pytest.param(0, NOW_US, id="now"),
        pytest.param(-60, NOW_US - 60_000_000, id="a-minute-ago"),
        pytest.param(60, NOW_US + 60_000_000, id="in-a-minute"),
        pytest.param(NOW_S - 1, NOW_US - 1_000_000, id="absolute"),
    ],
)
def test_times_below_2_to_the_28_are_relative(seconds: int, time: int) -> None:
    assert decode([{"n": "temp", "t": seconds, "v": 1}]) == [("gw-1", time, {"temperature_c": 1.0})]


def test_base_values_and_sums_are_added_and_a_sum_of_watts_is_energy() -> None:
    pack = [
        {"bn": "meter/", "bt": NOW_S, "bu": "W", "bv": 1000, "bs": 3.6e6, "n": "power", "v": 500},
        {"n": "power", "t": 1, "v": -500, "s": 3.6e6},
    ]
    assert decode(pack) == [
        ("gw-1", NOW_US, {"active_power_kw": 1.5}),
        ("gw-1", NOW_US + 1_000_000, {"active_power_kw": 0.5, "energy_kwh": 2.0}),
    ]


def test_without_a_table_names_are_metrics_and_the_topics_device_goes_first() -> None:
    assert decode([{"bn": "other/", "n": "pm2_5", "u": "mg/m3", "v": 0.03}], metrics={}) == [
        ("gw-1", NOW_US, {"pm2_5": pytest.approx(30.0)})
    ]


def test_decimal_fractions_and_the_mark_of_cbor_are_read() -> None:
    codec = make_codec(Format("p/{device}", "senml_cbor"))
    payload = b"\xd9\xd9\xf7" + cbor2.dumps([{0: "voltage_v", 2: Decimal("230.5")}])
    assert codec.decode(payload, HERE)[0].values == {"voltage_v": 230.5}


@pytest.mark.parametrize(
    ("pack", "reason"),
    [
        pytest.param({}, "shape", id="no-array"),
        pytest.param([], "shape", id="empty"),
        pytest.param([1], "shape", id="no-record"),
        pytest.param([{"n": "temp"}], "shape", id="no-value"),
        pytest.param([{"n": "temp", "v": 1, "vs": "x"}], "shape", id="two-values"),
        pytest.param([{"n": "temp", "v": 1, "must_": 1}], "shape", id="must-understand"),
        pytest.param([{"bver": 11, "n": "temp", "v": 1}], "shape", id="newer-version"),
        pytest.param([{"n": "_temp", "v": 1}], "shape", id="bad-name"),
        pytest.param([{"n": "temp", "v": "1"}], "value", id="number-in-quotes"),
        pytest.param([{"n": "temp", "v": True}], "value", id="truth-as-number"),
        pytest.param([{"n": "temp", "vs": "warm"}], "value", id="text-for-a-metric"),
        pytest.param([{"n": "temp", "u": "V", "v": 1}], "unit", id="unit-of-another-quantity"),
        pytest.param([{"n": "temp", "u": "warmth", "v": 1}], "unit", id="unknown-unit"),
        pytest.param([{"n": "temp", "t": 1e300, "v": 1}], "time", id="after-the-end-of-time"),
        pytest.param([{"n": "temp", "v": 1}] * 2_001, "shape", id="too-many"),
    ],
)
def test_what_cannot_be_used_says_why(pack: Any, reason: str) -> None:
    codec = make_codec(Format("p/{device}", "senml_json", metrics={"temp": "temperature_c"}))
    with pytest.raises(PayloadError) as caught:
        codec.decode(json.dumps(pack).encode(), HERE)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\x81" * 1_000, id="deep"),
        pytest.param(b"\xd8\x1c\x81\xd8\x1d\x00", id="cyclic"),
        pytest.param(cbor2.dumps([{0: "temp", 2: 2**70}]), id="bignum"),
        pytest.param(b"\x81\xa1\x02\xd8\x23\x64(a+)", id="a-pattern"),
        pytest.param(b"\x81\xa2\x02\x01\x61v\x02", id="a-field-by-label-and-by-name"),
        pytest.param(cbor2.dumps([{0: "temp", 2: float("nan")}]), id="nan"),
        pytest.param(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", id="a-length-it-does-not-have"),
    ],
)
def test_cbor_has_no_back_door(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        make_codec(Format("p/{device}", "senml_cbor")).decode(payload, HERE)


def test_a_version_with_secondary_units_is_known() -> None:
    assert decode([{"bver": 26, "n": "temp", "v": 1}])[0][2] == {"temperature_c": 1.0}  # RFC 9100


def test_settings_that_mean_nothing_are_named() -> None:
    with pytest.raises(ConfigError, match="device_path"):
        make_codec(Format("p", "senml_json", device_path="x"))
    with pytest.raises(ConfigError, match="warmth"):
        make_codec(Format("p", "senml_json", metrics={"t": "warmth"}))
    with pytest.raises(ConfigError, match="temperature_c"):
        make_codec(Format("p", "senml_json", metrics={"t": Field("temperature_c", unit="V")}))
