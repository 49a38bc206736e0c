"""The quick road stores what the careful road stores, and leaves to it all that is not plain."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ingest.decode
from ingest.catalog import Catalog
from ingest.decode import Decoded, decode_messages
from ingest.message import Message
from telemetry.devices import Device, Stream
from telemetry.metrics import Domain
from telemetry.settings import Ingest

NOW_US = 1_772_323_200_000_000
NOW_MS = NOW_US // 1_000
DEVICE = Device("a", Domain.TRAFFIC, "loop", "A", "A", 10.7, 106.7, "", 10.0, ("speed_kmh", "flow_vph"))
CATALOG = Catalog([DEVICE], [Stream(1, "a", "speed_kmh", 10.0), Stream(2, "a", "flow_vph", 10.0)])
DAY_MS = 86_400_000

moments = st.one_of(
    st.integers(NOW_MS - 60_000, NOW_MS),
    st.sampled_from((NOW_MS - 31 * DAY_MS, NOW_MS - DAY_MS, NOW_MS + 60_000, NOW_MS + DAY_MS, 0, -1, 1e300)),
    st.sampled_from((None, "2026-03-01T00:00:00Z", "yesterday", NOW_MS + 0.5, True)),
)
values = st.one_of(st.floats(0, 150), st.integers(-5, 10_000), st.sampled_from((None, "4", 1e999, True)))
objects = st.dictionaries(st.sampled_from(("ts", "speed_kmh", "flow_vph", "pm2_5")), values).flatmap(
    lambda fields: st.fixed_dictionaries(dict.fromkeys(("ts",), moments)).map(lambda ts: fields | ts)
)
payloads = st.one_of(objects, st.lists(objects, max_size=4), st.just([]), st.just(4))


def decoded(payload: Any) -> Decoded:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    message = Message("city/traffic/a/telemetry", body, NOW_US, 1, 1, 1)
    return decode_messages([message], CATALOG, Ingest())


def rows(found: Decoded) -> list[tuple[int, int, float, int]]:
    return sorted(zip(found.stream_ids, found.times, found.values, found.qualities, strict=True))


@given(payloads)
@settings(max_examples=400, deadline=None)
def test_both_roads_come_to_the_same(payload: Any):
    quick = decoded(payload)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest.decode.PlainDecoder, "take", lambda *_: False)
        careful = decoded(payload)
    assert rows(quick) == rows(careful)
    assert [r.reason for r in quick.refusals] == [r.reason for r in careful.refusals]
    assert quick.ends == careful.ends


@pytest.mark.parametrize(
    "payload",
    [
        {"speed_kmh": 40.5, "ts": NOW_MS},
        {"speed_kmh": 40, "flow_vph": 300, "ts": NOW_MS - DAY_MS},
        [{"speed_kmh": k, "flow_vph": 2.5, "ts": NOW_MS - k * 1_000} for k in range(100)],
    ],
    ids=["one", "two late", "array"],
)
def test_plain_messages_take_the_quick_road(payload: Any, monkeypatch: pytest.MonkeyPatch):
    wanted = rows(decoded(payload))
    assert wanted

    def careful(*_: object) -> None:
        raise AssertionError("the careful road was taken")

    monkeypatch.setattr(ingest.decode, "_decode_one", careful)
    assert rows(decoded(payload)) == wanted
