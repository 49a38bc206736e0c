"""Every format from a real broker into the database, through one ingest process; and any bytes at all."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cbor2
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from ingest.message import Message
from ingest.service import run
from ingest.writer import Writer
from launch.config import load_settings
from store import devices, ledger, pool, quarantine
from store.services import list_ingest
from telemetry.codecs.sparkplug_messages import payload_class
from telemetry.devices import Device
from telemetry.metrics import METRICS, Domain
from telemetry.settings import Field, Format, Ingest
from tests.fix_mqtt import connect, mosquitto_pub
from tests.telemetry.test_codecs_fuzz import VALID

NOW_MS = int(time.time() * 1_000)
SEEDS = sorted(VALID.values())
FORMATS = """
[[ingest.formats]]
topic = "e2e/senml/{device}"
format = "senml_json"

[[ingest.formats]]
topic = "e2e/cbor/{device}"
format = "senml_cbor"

[[ingest.formats]]
topic = "spBv1.0/e2e/#"
format = "sparkplug_b"

[[ingest.formats]]
topic = "e2e/application/+/device/{device}/event/up"
format = "chirpstack"
metrics = { "level.mm" = { metric = "water_level_m", unit = "mm" } }

[[ingest.formats]]
topic = "e2e/v3/+/devices/{device}/up"
format = "things_stack"
metrics = { level = "water_level_m" }

[[ingest.formats]]
topic = "e2e/vendor/{device}"
format = "mapping"
time_path = "at"
time_format = "epoch_ms"
readings = [{ metric = "water_level_m", path = "data.lvl", unit = "mm" }]
"""
IDS = ("e2e-senml", "e2e-cbor", "e2e-spark", "e2e-chirp", "e2e-things", "e2e-vendor", "e2e-city")


def level(device_id: str) -> Device:
    metrics = ("water_level_m", "rssi_dbm")
    return Device(device_id, Domain.DRAINAGE, "canal_level", "Một", "One", 10.7, 106.7, "760", 60, metrics)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with pool.connect(database_url, name="test", autocommit=True) as conn:
        devices.upsert_devices(conn, [level(device_id) for device_id in IDS])
        yield conn


@contextmanager
def ingesting(database_url: str, broker_url: str, tmp_path: Any) -> Iterator[None]:
    (tmp_path / "cityops.toml").write_text(FORMATS)
    overrides = {"database_url": database_url, "mqtt_url": broker_url, "ingestor": "ingest-formats"}
    chosen = load_settings(tmp_path / "cityops.toml", overrides, environment={})
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(chosen, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def wait_for(ask: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 60
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)
    return answer


def values(conn: psycopg.Connection) -> dict[str, list[float]]:
    rows = conn.execute(
        "SELECT device_id, array_agg(value ORDER BY time) FROM reading JOIN stream USING (stream_id)"
        " WHERE metric = 'water_level_m' GROUP BY device_id"
    ).fetchall()
    return dict(rows)


def spark(seq: int, value: float, *, named: bool) -> bytes:
    metric: dict[str, object] = {"alias": 7, "datatype": 10, "double_value": value, "timestamp": NOW_MS + seq}
    if named:
        metric["name"] = "water_level_m"
    return payload_class()(timestamp=NOW_MS + seq, seq=seq, metrics=[metric]).SerializeToString()


def iso(ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"


def test_every_format_is_stored_and_a_missed_birth_is_asked_for(
    database_url: str, broker_url: str, conn: psycopg.Connection, tmp_path: Any
) -> None:
    node = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, client_id="e2e-spark")
    asked, subscribed = threading.Event(), threading.Event()
    node.on_message = lambda *_: asked.set()
    node.on_subscribe = lambda *_: subscribed.set()
    connect(node, broker_url)
    node.loop_start()
    node.subscribe("spBv1.0/e2e/NCMD/e2e-spark", qos=1)
    assert subscribed.wait(60)
    messages: dict[str, bytes | str] = {
        "city/drainage/e2e-city/telemetry": json.dumps({"ts": NOW_MS, "water_level_m": 1.1}),
        "e2e/senml/e2e-senml": json.dumps(
            [
                {"bt": NOW_MS / 1000, "n": "water_level_m", "u": "mm", "v": 1200},
                {"n": "rssi_dbm", "u": "degF", "v": 1},
            ]
        ),
        "e2e/cbor/e2e-cbor": cbor2.dumps([{-3: NOW_MS / 1000, 0: "water_level_m", 2: 1.3}]),
        "e2e/application/a/device/e2e-chirp/event/up": json.dumps(
            {"deviceInfo": {"devEui": "01"}, "time": iso(NOW_MS), "fPort": 1,
             "object": {"level": {"mm": 1400}}, "rxInfo": [{"rssi": -60}]}
        ),
        "e2e/v3/app@t/devices/e2e-things/up": json.dumps(
            {"end_device_ids": {"device_id": "e2e-things"},
             "uplink_message": {"f_port": 1, "received_at": iso(NOW_MS), "decoded_payload": {"level": 1.5}}}
        ),
        "e2e/vendor/e2e-vendor": json.dumps({"at": NOW_MS, "data": {"lvl": 1600}}),
        "spBv1.0/e2e/NDATA/e2e-spark": spark(4, 1.7, named=False),
    }  # fmt: skip
    try:
        with ingesting(database_url, broker_url, tmp_path):
            connected = "SELECT 1 FROM service WHERE name LIKE 'ingest%' AND detail->>'broker' = 'connected'"
            wait_for(lambda: conn.execute(connected).fetchone(), "ingest to subscribe")
            for topic, body in messages.items():
                node.publish(topic, body, qos=1).wait_for_publish(10)
            assert asked.wait(60), "nobody asked for the birth"
            node.publish("spBv1.0/e2e/NBIRTH/e2e-spark", spark(0, 1.8, named=True), qos=1)
            node.publish("spBv1.0/e2e/NDATA/e2e-spark", spark(1, 1.9, named=False), qos=1).wait_for_publish(
                10
            )
            wait_for(lambda: len(values(conn).get("e2e-spark", ())) == 2, "Sparkplug's readings")
    finally:
        node.disconnect()
        node.loop_stop()
    assert values(conn) == {
        "e2e-city": [1.1],
        "e2e-senml": pytest.approx([1.2]),
        "e2e-cbor": [1.3],
        "e2e-chirp": pytest.approx([1.4]),
        "e2e-things": [1.5],
        "e2e-vendor": pytest.approx([1.6]),
        "e2e-spark": [1.8, 1.9],
    }
    # The broker is shared, and may hold what other tests left with it, of devices not registered here.
    rows = quarantine.list_quarantine(conn)
    kept = {row.claimed: row.reason for row in rows if row.claimed.startswith("e2e-")}
    assert kept == {"e2e-senml": "unit", "e2e-spark": "birth"}
    assert devices.list_statuses(conn) == {"e2e-spark": "online"}


def test_where_nothing_waits_nothing_is_late_and_who_stops_in_order_is_not_missed(
    database_url: str, broker_url: str, conn: psycopg.Connection, tmp_path: Any
) -> None:
    def beat() -> dict[str, Any]:
        return next((dict(service.detail) for service, _ in list_ingest(conn)), {})

    with ingesting(database_url, broker_url, tmp_path):
        wait_for(lambda: beat().get("broker") == "connected", "ingest to subscribe")
        mosquitto_pub(broker_url, "city/drainage/e2e-city/telemetry", '{"water_level_m": 1.1}')
        wait_for(lambda: beat()["messages"] == 1 and beat()["lag_s"] == 0, "the lag to be over")
    assert beat() == {}


FUZZED = (
    Format("f/senml/{device}", "senml_json"),
    Format("f/senml", "senml_json"),
    Format("f/cbor/{device}", "senml_cbor"),
    Format("f/cbor", "senml_cbor"),
    Format("spBv1.0/#", "sparkplug_b"),
    Format("f/chirp/{device}", "chirpstack"),
    Format("f/chirp", "chirpstack"),
    Format("f/things/{device}", "things_stack"),
    Format("f/things", "things_stack"),
    Format(
        "f/map/{device}", "mapping", readings=(Field("water_level_m", path="a"), Field("rssi_dbm", path="b"))
    ),
    Format("f/map", "mapping", each="[*]", device_path="d", readings=(Field("water_level_m", path="a"),)),
    Format("f/plain/{device}", "cityops_json"),
)
KNOWN = "e2e-city"
TOPICS = st.one_of(
    st.sampled_from(
        [f"city/drainage/{KNOWN}/telemetry", f"city/drainage/{KNOWN}/status", "city/energy/x/telemetry"]
    ),
    st.sampled_from([f.topic.replace("{device}", KNOWN) for f in FUZZED if "#" not in f.topic]),
    st.sampled_from(
        [f.topic.replace("{device}", "Tr\u1ea1m \u0000<b>") for f in FUZZED if "#" not in f.topic]
    ),
    st.builds(
        "spBv1.0/g/{}/{}{}".format,
        st.sampled_from(["NBIRTH", "NDATA", "DBIRTH", "DDATA", "NDEATH", "DDEATH"]),
        st.just(KNOWN),
        st.sampled_from(["", "/d"]),
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=600),
)
_WORDS = (
    "n v u t bn bt ts a b d water_level_m object fPort time deviceInfo devEui rxInfo rssi uplink_message"
    " decoded_payload end_device_ids device_id"
)
NAMES = _WORDS.split()
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8),
        st.sampled_from(["water_level_m", KNOWN, "mm", "e2e-city/water_level_m", NOW_MS, NOW_MS / 1000]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(NAMES),
            inner, max_size=6,
        ),
    ),
    max_leaves=20,
)  # fmt: skip
PAYLOADS = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda document: json.dumps(document).encode()),
    JSON.map(cbor2.dumps),
    st.sampled_from(SEEDS),
    st.tuples(st.sampled_from(SEEDS), st.binary(max_size=6), st.integers(0, 400)).map(
        lambda cut: cut[0][: cut[2]] + cut[1] + cut[0][cut[2] + len(cut[1]) :]
    ),
)


def test_no_bytes_on_any_topic_break_the_writer_or_reach_the_store_unchecked(
    database_url: str, conn: psycopg.Connection
) -> None:
    with pool.connect(database_url, name="fuzz") as own:
        limits = Ingest(formats=FUZZED, quarantine_per_device=20, inbox_names=20)
        writer = Writer(own, "fuzz", limits)
        conn.execute("DELETE FROM quarantine")
        before = ledger.totals(conn)

        @settings(
            max_examples=150, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(st.lists(st.tuples(TOPICS, PAYLOADS), min_size=1, max_size=12))
        def feed(batch: list[tuple[str, bytes]]) -> None:
            now_us = time.time_ns() // 1_000
            flushed = writer.write([Message(topic, body, now_us, 1, 1, 0) for topic, body in batch])
            assert flushed.messages == len(batch)

        feed()
        after = ledger.totals(conn)
        refused = after.quarantined - before.quarantined
        assert refused > 100
        assert refused == quarantine.count(conn) + after.evicted - before.evicted
    rows = conn.execute("SELECT metric, value, time FROM reading JOIN stream USING (stream_id)").fetchall()
    oldest = time.time() - (Ingest().oldest_days + 1) * 86_400
    for metric, value, at in rows:
        known = METRICS[metric]
        assert known.low <= value <= known.high
        assert oldest < at.timestamp() < time.time() + Ingest().future_tolerance_s
    conn.execute("DELETE FROM quarantine")
