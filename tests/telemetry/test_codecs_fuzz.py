"""Whatever the bytes, a codec answers with samples or with PayloadError, and with nothing else."""

from __future__ import annotations

import json
import math
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.codecs import Arrival, Codec, make_codec
from telemetry.codecs.sparkplug_messages import payload_class
from telemetry.devices import DEVICE_ID
from telemetry.errors import PayloadError
from telemetry.settings import Field, Format

NOW_US = 1_795_406_400_000_000
NOW_MS = NOW_US // 1_000
BIRTH: bytes = payload_class()(
    timestamp=NOW_MS,
    seq=0,
    metrics=[
        {"name": "voltage_v", "alias": 1, "datatype": 9, "float_value": 230.0},
        {"name": "energy_kwh", "alias": 2, "datatype": 4, "long_value": 5, "timestamp": NOW_MS},
        {"name": "t", "datatype": 12, "string_value": "x", "properties": {"keys": ["engUnit"]}},
    ],
).SerializeToString()
UPLINK = {
    "devEui": "0101010101010101",
    "object": {"pm10": 3, "a": [1, None, {"b": True}]},
    "fPort": 2,
    "fCnt": 9,
}
VALID: dict[str, bytes] = {
    "cityops_json": json.dumps([{"ts": NOW_MS, "pm10": 3}]).encode(),
    "senml_json": json.dumps(
        [
            {"bn": "d/", "bt": 1795406400, "bv": 1, "n": "pm10", "u": "mg/m3", "v": 2},
            {"n": "x", "s": 1, "vb": True},
        ]
    ).encode(),
    "senml_cbor": cbor2.dumps(
        [{-2: "d/", -3: 1795406400, 0: "pm10", 1: "mg/m3", 2: 2.5}, {0: "co", 2: 7, 6: -5}]
    ),
    "sparkplug_b": BIRTH,
    "chirpstack": json.dumps(
        {"deviceInfo": UPLINK, "time": "2026-11-23T04:00:00Z", "rxInfo": [{"rssi": -3, "snr": 1}], **UPLINK}
    ).encode(),
    "things_stack": json.dumps(
        {
            "end_device_ids": {"device_id": "d"},
            "uplink_message": {"f_port": 1, "decoded_payload": {"pm10": 1}, "rx_metadata": [{"rssi": -1}]},
        }
    ).encode(),
    "mapping": json.dumps({"id": "d", "at": NOW_MS, "log": [{"t": 3, "s": [{"k": "a", "v": 1}]}]}).encode(),
}
TOPICS = [
    "spBv1.0/g/NBIRTH/n",
    "spBv1.0/g/NDATA/n",
    "spBv1.0/g/NDEATH/n",
    "spBv1.0/g/DBIRTH/n/d",
    "spBv1.0/g/DDATA/n/d",
]


def codec(name: str) -> Codec:
    settings: dict[str, Any] = {}
    if name == "mapping":
        settings = {
            "readings": (Field("pm10", path="t"), Field("co", path="s[k=a].v")),
            "each": "log[*]", "device_path": "$.id", "time_path": "$.at", "time_format": "epoch_ms",
        }  # fmt: skip
    return make_codec(Format("t/{device}", name, **settings))


def check(to: Codec, payload: bytes, topic: str) -> bool:
    try:
        samples = to.decode(payload, Arrival(topic, "box-1", NOW_US))
    except PayloadError as error:
        assert error.reason  # noqa: PT017 - either outcome is right, neither may be missing
        return False
    for sample in samples:
        assert DEVICE_ID.fullmatch(sample.device_id)
        assert sample.time is None or type(sample.time) is int
        numbers = [*sample.values.values(), *sample.incidental.values()]
        assert all(type(value) is float and math.isfinite(value) for value in numbers)
    return True


@st.composite
def mutated(draw: st.DrawFn, payload: bytes) -> bytes:
    body = bytearray(payload)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(body) - 1, 0)))
        end = at + draw(st.integers(0, 4))
        body[at:end] = draw(
            st.one_of(st.binary(max_size=4), st.sampled_from([b"1e999", b"null", b"[", b"{", b"\xff"]))
        )
    return bytes(body)


@pytest.mark.parametrize("name", VALID)
def test_the_valid_message_is_used(name: str) -> None:
    assert check(codec(name), VALID[name], TOPICS[0])


@pytest.mark.parametrize("name", VALID)
@given(payload=st.binary(max_size=300), topic=st.sampled_from(TOPICS))
def test_any_bytes_decode_or_are_refused(name: str, payload: bytes, topic: str) -> None:
    check(codec(name), payload, topic)


@pytest.mark.parametrize("name", VALID)
@given(data=st.data())
def test_a_valid_message_with_faults_in_it_decodes_or_is_refused(name: str, data: st.DataObject) -> None:
    to = codec(name)
    check(to, VALID[name], TOPICS[0])
    check(to, data.draw(mutated(VALID[name])), data.draw(st.sampled_from(TOPICS)))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["n", "v", "t", "bn", "bt", "u", "s", "object", "deviceInfo", "devEui", "rxInfo", "rssi",
             "gwTime", "uplink_message", "end_device_ids", "device_id", "decoded_payload", "f_port", "id",
             "at", "log", "pm10"]
        ), inner, max_size=6,
    ),
    max_leaves=30,
)  # fmt: skip


@pytest.mark.parametrize("name", ["senml_json", "chirpstack", "things_stack", "mapping"])
@given(document=_json)
def test_any_document_decodes_or_is_refused(name: str, document: Any) -> None:
    check(codec(name), json.dumps(document).encode(), TOPICS[0])


_cbor = st.dictionaries(
    st.integers(-7, 9) | st.text(max_size=3),
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=4)
    | st.decimals() | st.binary(max_size=4) | st.datetimes().map(str) | st.lists(st.integers(), max_size=2),
    max_size=5,
)  # fmt: skip


@given(pack=st.lists(_cbor, max_size=4))
def test_any_cbor_decodes_or_is_refused(pack: Any) -> None:
    check(codec("senml_cbor"), cbor2.dumps(pack), TOPICS[0])
