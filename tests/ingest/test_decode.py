"""Decoding against the catalog: good parts are used, bad parts say why."""

from __future__ import annotations

import pytest

from ingest.catalog import Catalog
from ingest.decode import decode_messages
from ingest.message import Message
from telemetry.devices import Device, Stream
from telemetry.metrics import Domain
from telemetry.readings import Quality
from telemetry.settings import Ingest

NOW_US = 1_795_406_400_000_000
NOW_MS = NOW_US // 1_000
TOPIC = "city/traffic/loop-1/telemetry"

DEVICE = Device(
    "loop-1", Domain.TRAFFIC, "loop", "Một", "One", 10.7, 106.7, "760", 10, ("speed_kmh", "flow_vph")
)
CATALOG = Catalog([DEVICE], [Stream(4, "loop-1", "speed_kmh", 10), Stream(7, "loop-1", "flow_vph", 10)])


def message(payload: str, topic: str = TOPIC) -> Message:
    return Message(topic, payload.encode(), NOW_US, qos=1, mid=1, session=0)


def test_a_good_message_becomes_readings() -> None:
    decoded = decode_messages(
        [message(f'{{"ts": {NOW_MS}, "speed_kmh": 31, "flow_vph": 900}}')], CATALOG, Ingest()
    )
    assert decoded.readings.stream_ids.tolist() == [4, 7]
    assert decoded.readings.times.tolist() == [NOW_US, NOW_US]
    assert decoded.readings.values.tolist() == [31.0, 900.0]
    assert decoded.readings.qualities.tolist() == [Quality.GOOD, Quality.GOOD]
    assert decoded.messages == {"loop-1": 1}
    assert not decoded.refusals


@pytest.mark.parametrize(
    ("payload", "quality"),
    [
        pytest.param('{"speed_kmh": 31}', Quality.ARRIVAL_TIME, id="no-time"),
        pytest.param(f'{{"ts": {NOW_MS - 3_600_000}, "speed_kmh": 31}}', Quality.LATE, id="an-hour-old"),
        pytest.param(f'{{"ts": {NOW_MS + 60_000}, "speed_kmh": 31}}', Quality.GOOD, id="a-minute-ahead"),
    ],
)
def test_quality_says_what_is_known_of_the_time(payload: str, quality: Quality) -> None:
    assert decode_messages([message(payload)], CATALOG, Ingest()).readings.qualities.tolist() == [quality]


@pytest.mark.parametrize(
    ("payload", "topic", "reason"),
    [
        pytest.param('{"speed_kmh": 1}', "city/traffic/loop-2/telemetry", "device", id="unknown-device"),
        pytest.param('{"speed_kmh": 1}', "city/energy/loop-1/telemetry", "device", id="wrong-domain"),
        pytest.param('{"speed_kmh": 1}', "city/traffic/loop-1/other", "topic", id="unknown-leaf"),
        pytest.param('{"pm2_5": 1}', TOPIC, "metric", id="unknown-metric"),
        pytest.param('{"speed_kmh": -1}', TOPIC, "range", id="impossible"),
        pytest.param('{"speed_kmh": 1e400}', TOPIC, "json", id="infinite"),
        pytest.param("not json", TOPIC, "json", id="not-json"),
        pytest.param(f'{{"ts": {NOW_MS + 86_400_000}, "speed_kmh": 1}}', TOPIC, "time", id="tomorrow"),
        pytest.param(f'{{"ts": {NOW_MS - 40 * 86_400_000}, "speed_kmh": 1}}', TOPIC, "time", id="too-old"),
        pytest.param('[{"speed_kmh": 1}, {"speed_kmh": 2}]', TOPIC, "time", id="array-without-times"),
        pytest.param("perhaps", "city/traffic/loop-1/status", "status", id="unknown-status"),
    ],
)
def test_a_bad_message_is_refused_with_its_reason(payload: str, topic: str, reason: str) -> None:
    decoded = decode_messages([message(payload, topic)], CATALOG, Ingest())
    assert [refusal.reason for refusal in decoded.refusals] == [reason]
    assert decoded.refusals[0].payload == payload.encode()
    assert len(decoded.readings) == 0
    assert sum(decoded.messages.values()) == 1


def test_the_good_part_of_a_message_is_used_and_the_whole_is_kept_for_mending() -> None:
    payload = f'[{{"ts": {NOW_MS}, "speed_kmh": 31, "flow_vph": -5}}, {{"ts": 5, "speed_kmh": 3}}]'
    decoded = decode_messages([message(payload)], CATALOG, Ingest())
    assert len(decoded.readings) == 0  # a time in the wrong unit makes the whole message suspect
    payload = (
        f'[{{"ts": {NOW_MS}, "speed_kmh": 31, "flow_vph": -5}}, {{"ts": {NOW_MS - 10}, "speed_kmh": 3}}]'
    )
    decoded = decode_messages([message(payload)], CATALOG, Ingest())
    assert decoded.readings.values.tolist() == [31.0, 3.0]
    assert [refusal.reason for refusal in decoded.refusals] == ["range"]


def test_a_status_is_read_in_either_spelling() -> None:
    topic = "city/traffic/loop-1/status"
    decoded = decode_messages([message('"offline"', topic), message("online", topic)], CATALOG, Ingest())
    assert decoded.statuses == {"loop-1": "online"}
    assert not decoded.refusals


def test_one_bad_message_does_not_hold_up_the_others() -> None:
    good = f'{{"ts": {NOW_MS}, "speed_kmh": 31}}'
    decoded = decode_messages([message(good), message("{"), message(good)], CATALOG, Ingest())
    assert len(decoded.readings) == 2
    assert len(decoded.refusals) == 1
    assert decoded.messages == {"loop-1": 3}
