"""The payload contract: what is understood, what is refused, and that nothing else happens."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import PayloadError
from telemetry.payloads import MAX_BYTES, MAX_FIELDS, MAX_OBJECTS, Sample, decode, encode

NOON_US = 1_795_406_400_000_000


@pytest.mark.parametrize(
    ("payload", "time"),
    [
        pytest.param(b'{"ts": 1795406400000, "speed_kmh": 21.5}', NOON_US, id="epoch-ms"),
        pytest.param(b'{"ts": 1795406400000.5, "speed_kmh": 21.5}', NOON_US + 500, id="fraction-of-a-ms"),
        pytest.param(b'{"ts": "2026-11-23T04:00:00Z", "speed_kmh": 21.5}', NOON_US, id="rfc3339-utc"),
        pytest.param(b'{"ts": "2026-11-23T11:00:00+07:00", "speed_kmh": 21.5}', NOON_US, id="rfc3339-local"),
        pytest.param(b'{"speed_kmh": 21.5}', None, id="no-time"),
        pytest.param(b'{"ts": null, "speed_kmh": 21.5, "flow_vph": null}', None, id="null-is-absent"),
    ],
)
def test_one_object_is_one_sample(payload: bytes, time: int | None) -> None:
    assert decode(payload) == [Sample(time, {"speed_kmh": 21.5})]


def test_an_array_is_many_samples_in_order() -> None:
    payload = b'[{"ts": 1795406400000, "pm2_5": 31}, {"ts": 1795406460000, "pm2_5": 32}]'
    assert [sample.values["pm2_5"] for sample in decode(payload)] == [31.0, 32.0]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"", "json", id="empty"),
        pytest.param(b"\xff\xfe", "json", id="not-utf8"),
        pytest.param(b'{"speed_kmh": ', "json", id="cut-off"),
        pytest.param(b'{"speed_kmh": NaN}', "json", id="nan"),
        pytest.param(b'{"speed_kmh": true}', "json", id="boolean"),
        pytest.param(b'{"speed_kmh": [1]}', "json", id="nested"),
        pytest.param(b'"21.5"', "json", id="bare-string"),
        pytest.param(b"[" * 5_000, "json", id="deep"),
        pytest.param(b'{"speed_kmh": "21.5"}', "value", id="number-in-quotes"),
        pytest.param(b"{}", "shape", id="no-reading"),
        pytest.param(b'{"ts": 1795406400000}', "shape", id="time-alone"),
        pytest.param(b"[]", "shape", id="empty-array"),
        pytest.param(b'{"ts": 1795406400, "speed_kmh": 1}', "time", id="seconds-not-ms"),
        pytest.param(b'{"ts": "2026-11-23T11:00:00", "speed_kmh": 1}', "time", id="no-zone"),
        pytest.param(b'{"ts": "yesterday", "speed_kmh": 1}', "time", id="not-a-time"),
        pytest.param(b'{"ts": "1850-01-01T00:00:00Z", "speed_kmh": 1}', "time", id="before-electricity"),
        pytest.param(b" " * (MAX_BYTES + 1), "size", id="too-large"),
    ],
)
def test_what_cannot_be_used_says_why(payload: bytes, reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(payload)
    assert caught.value.reason == reason


def test_too_many_fields_or_objects_are_refused() -> None:
    wide = json.dumps({f"m{i}": i for i in range(MAX_FIELDS + 1)}).encode()
    long = json.dumps([{"ts": 1795406400000, "pm2_5": 1}] * (MAX_OBJECTS + 1)).encode()
    for payload in (wide, long):
        with pytest.raises(PayloadError, match=r"fields|objects"):
            decode(payload)


@given(st.binary(max_size=400))
def test_no_bytes_do_anything_but_decode_or_be_refused(payload: bytes) -> None:
    try:
        samples = decode(payload)
    except PayloadError as error:
        assert error.reason  # noqa: PT017 - either outcome is right, neither may be missing
    else:
        assert samples
        assert all(isinstance(v, float) for sample in samples for v in sample.values.values())


_numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
_keys = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=20).filter(lambda k: k != "ts")


@given(
    st.dictionaries(_keys, _numbers, min_size=1, max_size=8),
    st.integers(946_684_800_000, 4_102_444_800_000),
)
def test_what_is_encoded_is_decoded(values: dict[str, float], ms: int) -> None:
    sample = Sample(ms * 1_000, values)
    assert decode(encode(sample)) == [sample]
