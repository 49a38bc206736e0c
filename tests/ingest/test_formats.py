"""Messages in other formats on their way to readings, through the catalog."""

from __future__ import annotations

import json

import pytest

from ingest.catalog import Catalog
from ingest.decode import Decoded, decode_messages
from ingest.message import Message
from telemetry.codecs.sparkplug_messages import payload_class
from telemetry.devices import Device, Stream
from telemetry.formats import Formats
from telemetry.metrics import Domain
from telemetry.readings import Quality
from telemetry.settings import Field, Format, Ingest

NOW_US = 1_795_406_400_000_000
NOW_MS = NOW_US // 1_000


def device(device_id: str, *metrics: str) -> Device:
    return Device(device_id, Domain.ENVIRONMENT, "air", "Một", "One", 10.7, 106.7, "760", 60, metrics)


CATALOG = Catalog(
    [device("air-1", "pm10", "rssi_dbm"), device("air-2", "pm10")],
    [Stream(1, "air-1", "pm10", 60), Stream(2, "air-1", "rssi_dbm", 60), Stream(3, "air-2", "pm10", 60)],
)
FORMATS = (
    Format("senml/{device}", "senml_json"),
    Format("senml", "senml_json"),
    Format("lora/{device}/up", "chirpstack"),
    Format("plain/{device}", "cityops_json"),
    Format("spBv1.0/city/#", "sparkplug_b"),
)


def decode(*messages: tuple[str, bytes | str], formats: Formats | None = None) -> Decoded:
    batch = [
        Message(topic, body if isinstance(body, bytes) else body.encode(), NOW_US, 1, 1, 0)
        for topic, body in messages
    ]
    return decode_messages(batch, CATALOG, Ingest(), formats or Formats(FORMATS))


def test_one_message_speaks_for_several_devices() -> None:
    pack = '[{"bn":"air-1/","n":"pm10","u":"mg/m3","v":0.03},{"bn":"air-2/","n":"pm10","v":31}]'
    decoded = decode(("senml", pack))
    assert decoded.readings.stream_ids.tolist() == [1, 3]
    assert decoded.readings.values.tolist() == pytest.approx([30.0, 31.0])
    assert decoded.readings.qualities.tolist() == [Quality.ARRIVAL_TIME] * 2
    assert decoded.messages == {"air-1": 1}
    assert not decoded.refusals


def test_the_known_devices_of_a_message_are_used_and_the_whole_is_kept() -> None:
    pack = '[{"bn":"ghost/","n":"pm10","v":1},{"bn":"air-2/","n":"pm10","v":31}]'
    decoded = decode(("senml", pack))
    assert decoded.readings.stream_ids.tolist() == [3]
    assert [(r.reason, r.device_id) for r in decoded.refusals] == [("device", "air-2")]
    assert decoded.strangers


@pytest.mark.parametrize(
    ("topic", "body", "reason"),
    [
        pytest.param(
            "senml/air-1", '[{"n":"pm10","v":5},{"n":"pm10","t":-9,"u":"degF","v":5}]', "unit", id="unit"
        ),
        pytest.param("senml/air-1", '[{"n":"pm10","v":5},{"n":"nonsense","v":5}]', "metric", id="metric"),
        pytest.param(
            "lora/air-1/up",
            '{"deviceInfo":{"devEui":"01"},"time":"2026-11-23T04:00:00Z","fPort":1,'
            '"object":{"pm10":5,"nonsense":1}}',
            "metric",
            id="lorawan",
        ),
        pytest.param("vendor/air-1", '{"dust":5,"level":"high"}', "value", id="mapping"),
        pytest.param("vendor/air-1", '{"dust":5,"level":1e308}', "value", id="too-large"),
    ],
)
def test_the_good_fields_of_a_message_are_used_and_the_whole_is_kept(
    topic: str, body: str, reason: str
) -> None:
    vendor = Format(
        "vendor/{device}",
        "mapping",
        readings=(Field("pm10", path="dust"), Field("rssi_dbm", path="level", factor=10.0)),
    )
    decoded = decode((topic, body), formats=Formats((*FORMATS, vendor)))
    assert decoded.values == [5.0]
    assert [(r.reason, r.device_id, r.claimed) for r in decoded.refusals] == [(reason, "air-1", "air-1")]


def test_an_alias_that_no_birth_named_costs_its_own_metric_alone() -> None:
    formats = Formats(FORMATS)
    named = {"name": "pm10", "alias": 4, "datatype": 9, "float_value": 12.0}
    birth = payload_class()(timestamp=NOW_MS, seq=0, metrics=[named]).SerializeToString()
    decode(("spBv1.0/city/NBIRTH/air-1", birth), formats=formats)
    metrics = [{"alias": 9, "float_value": 1.0}, {"alias": 4, "float_value": 13.0}]
    data = payload_class()(timestamp=NOW_MS + 1, seq=1, metrics=metrics).SerializeToString()
    decoded = decode(("spBv1.0/city/NDATA/air-1", data), formats=formats)
    assert decoded.values == [13.0]
    assert [(r.reason, r.device_id) for r in decoded.refusals] == [("birth", "air-1")]
    ((topic, _),) = formats.requests(NOW_US)
    assert topic == "spBv1.0/city/NCMD/air-1"


def test_signal_strength_is_stored_where_it_is_registered_and_no_fault_elsewhere() -> None:
    event = json.dumps(
        {
            "deviceInfo": {"devEui": "0101010101010101"},
            "time": "2026-11-23T04:00:00Z",
            "fPort": 1,
            "object": {"pm10": 12},
            "rxInfo": [{"rssi": -90, "snr": 3}],
        }
    )
    decoded = decode(("lora/air-1/up", event), ("lora/air-2/up", event))
    assert list(zip(decoded.stream_ids, decoded.values, strict=True)) == [(1, 12.0), (2, -90.0), (3, 12.0)]
    assert not decoded.refusals


@pytest.mark.parametrize(
    ("topic", "body", "reason", "device_id"),
    [
        pytest.param("senml/air-1", "[", "json", "air-1", id="not-json"),
        pytest.param("senml/ghost", '[{"n":"pm10","v":1}]', "device", "", id="unknown-device"),
        pytest.param("senml/!!", "[]", "device", "", id="no-device-id"),
        pytest.param("senml/air-1", '[{"n":"co","v":1}]', "metric", "air-1", id="unregistered-metric"),
        pytest.param("senml/air-1", '[{"n":"pm10","v":-1}]', "range", "air-1", id="impossible"),
        pytest.param("senml/air-1", '[{"n":"pm10","v":1,"t":1e9}]', "time", "air-1", id="too-old"),
        pytest.param("spBv1.0/city/NDATA/air-1", b"", "birth", "air-1", id="data-before-birth"),
        pytest.param("other/air-1", "{}", "topic", "", id="topic-of-nobody"),
    ],
)
def test_a_bad_message_is_refused_with_its_reason(
    topic: str, body: bytes | str, reason: str, device_id: str
) -> None:
    decoded = decode((topic, body))
    assert [(r.reason, r.device_id) for r in decoded.refusals] == [(reason, device_id)]
    assert len(decoded.readings) == 0
    assert sum(decoded.messages.values()) == 1


def test_births_and_deaths_are_statuses_and_a_missed_birth_is_asked_for_once_a_minute() -> None:
    formats = Formats(FORMATS)
    decode(("spBv1.0/city/NDATA/air-1", b""), formats=formats)
    ((topic, _),) = formats.requests(NOW_US)
    assert topic == "spBv1.0/city/NCMD/air-1"
    decode(("spBv1.0/city/NDATA/air-1", b""), formats=formats)
    assert formats.requests(NOW_US + 59_000_000) == []
    decode(("spBv1.0/city/NDATA/air-1", b""), formats=formats)
    assert len(formats.requests(NOW_US + 61_000_000)) == 1

    metric = {"name": "pm10", "alias": 4, "datatype": 9, "float_value": 12.0}
    birth = payload_class()(timestamp=NOW_MS, seq=0, metrics=[metric]).SerializeToString()
    data = payload_class()(
        timestamp=NOW_MS + 1_000, seq=1, metrics=[{"alias": 4, "float_value": 13.0}]
    ).SerializeToString()
    before = formats.snapshot()
    for _ in range(2):  # a batch that is decoded again starts where it started
        formats.restore(before)
        decoded = decode(
            ("spBv1.0/city/NBIRTH/air-1", birth), ("spBv1.0/city/NDATA/air-1", data), formats=formats
        )
        assert decoded.values == [12.0, 13.0]
        assert decoded.statuses == {"air-1": "online"}
    decoded = decode(("spBv1.0/city/NDEATH/air-1", b""), formats=formats)
    assert decoded.statuses == {"air-1": "offline"}


def test_cityops_json_on_another_topic_is_what_it_is_on_the_citys() -> None:
    decoded = decode(("plain/air-1", f'{{"ts": {NOW_MS}, "pm10": 5}}'))
    assert (decoded.values, decoded.qualities) == ([5.0], [Quality.GOOD])


def test_after_each_message_stands_how_many_readings_there_were() -> None:
    good = f'{{"ts": {NOW_MS}, "pm10": 5}}'
    topic = "city/environment/air-1/telemetry"
    assert decode((topic, good), (topic, "{"), ("plain/air-2", good)).ends == [1, 1, 2]
