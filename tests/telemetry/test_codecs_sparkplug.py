"""Sparkplug B: births, data, deaths, and what happens when one of them is missed."""

from __future__ import annotations

from typing import Any

import pytest

from telemetry.codecs import Arrival, DeviceSample
from telemetry.codecs import sparkplug as module
from telemetry.codecs.sparkplug import Sparkplug, rebirth_command
from telemetry.codecs.sparkplug_messages import payload_class
from telemetry.errors import ConfigError, PayloadError
from telemetry.settings import Format

NOW_MS = 1_795_406_400_000
INT8, INT32, FLOAT, BOOLEAN, STRING = 1, 3, 9, 11, 12


def payload(*metrics: dict[str, Any], seq: int | None = None, **rest: Any) -> bytes:
    message = payload_class()(timestamp=NOW_MS, **rest)
    if seq is not None:
        message.seq = seq
    for metric in metrics:
        unit = metric.pop("unit", None)
        added = message.metrics.add(**metric)
        if unit:
            added.properties.keys.append("engUnit")
            added.properties.values.add(type=STRING, string_value=unit)
    return message.SerializeToString()


def codec(**settings: Any) -> Sparkplug:
    return Sparkplug(Format("spBv1.0/hcmc/#", "sparkplug_b", **settings))


def send(to: Sparkplug, kind: str, body: bytes, node: str = "edge-1") -> list[DeviceSample]:
    """A message of the node, or of its device ``pump-1`` where ``kind`` is a device's."""
    topic = f"spBv1.0/hcmc/{kind}/{node}" + ("/pump-1" if kind[0] == "D" else "")
    return to.decode(body, Arrival(topic, "", NOW_MS * 1_000))


BD_SEQ: dict[str, Any] = {"name": "bdSeq", "datatype": 4, "long_value": 7}


def born(**settings: Any) -> Sparkplug:
    sparkplug = codec(**settings)
    send(sparkplug, "NBIRTH", payload(dict(BD_SEQ), seq=0))
    send(
        sparkplug,
        "DBIRTH",
        payload(
            {"name": "voltage_v", "alias": 1, "datatype": FLOAT, "float_value": 230.0},
            {"name": "pump_power_kw", "alias": 2, "datatype": FLOAT, "float_value": 1500.0, "unit": "W"},
            {"name": "rssi_dbm", "alias": 3, "datatype": INT8, "int_value": 2**32 - 70},
            {"name": "Firmware", "alias": 4, "datatype": STRING, "string_value": "2.1"},
            seq=1,
        ),
    )
    return sparkplug


def test_a_birth_says_online_and_holds_readings() -> None:
    sparkplug = codec()
    (online,) = send(sparkplug, "NBIRTH", payload(dict(BD_SEQ), seq=0))
    assert (online.device_id, online.status) == ("edge-1", "online")
    status, sample = send(
        sparkplug,
        "DBIRTH",
        payload({"name": "voltage_v", "alias": 1, "datatype": FLOAT, "float_value": 230.0}, seq=1),
    )
    assert (status.device_id, status.status) == ("pump-1", "online")
    assert (sample.device_id, sample.time, sample.values) == ("pump-1", NOW_MS * 1_000, {"voltage_v": 230.0})


def test_data_is_named_by_alias_and_timed_by_metric() -> None:
    body = payload(
        {"alias": 1, "float_value": 231.5, "timestamp": NOW_MS - 1_000},
        {"alias": 2, "float_value": 2500.0},
        {"alias": 3, "int_value": 2**32 - 80},
        seq=2,
    )
    first, second = send(born(), "DDATA", body)
    assert (first.time, first.values) == ((NOW_MS - 1_000) * 1_000, {"voltage_v": 231.5})
    assert (second.time, second.values) == (NOW_MS * 1_000, {"pump_power_kw": 2.5, "rssi_dbm": -80.0})


def test_null_is_no_reading_and_a_name_does_as_well_as_an_alias() -> None:
    body = payload({"alias": 1, "is_null": True}, {"name": "pump_power_kw", "float_value": 1000.0}, seq=2)
    (sample,) = send(born(), "DDATA", body)
    assert sample.values == {"pump_power_kw": 1.0}


@pytest.mark.parametrize(
    ("datatype", "field", "sent", "meant"),
    [
        pytest.param(1, "int_value", 0xFF, -1, id="int8-in-8-bits"),
        pytest.param(1, "int_value", 0xFFFF_FFFF, -1, id="int8-in-32-bits"),
        pytest.param(2, "int_value", 0xFFFE, -2, id="int16"),
        pytest.param(3, "int_value", 0x8000_0000, -(2**31), id="int32"),
        pytest.param(4, "long_value", 2**64 - 5, -5, id="int64"),
        pytest.param(8, "long_value", 2**63, 2**63, id="uint64"),
        pytest.param(7, "int_value", 0xFFFF_FFFF, 2**32 - 1, id="uint32"),
        pytest.param(11, "boolean_value", True, 1, id="boolean"),
    ],
)
def test_whole_numbers_keep_their_sign(datatype: int, field: str, sent: int, meant: int) -> None:
    metric = {"name": "energy_kwh", "alias": 1, "datatype": datatype, field: sent}
    _, sample = send(codec(), "NBIRTH", payload(metric, seq=0))
    assert sample.values == {"energy_kwh": float(meant)}


@pytest.mark.parametrize("kind", ["NDATA", "DDATA", "DBIRTH", "DDEATH"])
def test_data_before_the_nodes_birth_is_refused_and_the_birth_asked_for(kind: str) -> None:
    sparkplug = codec()
    with pytest.raises(PayloadError, match="before its NBIRTH") as caught:
        send(sparkplug, kind, payload({"alias": 1, "float_value": 1.0}, seq=4))
    assert caught.value.reason == "birth"
    assert sparkplug.births_missed == {("hcmc", "edge-1")}


def test_data_of_a_device_before_its_birth_or_of_an_unknown_alias_is_refused() -> None:
    sparkplug = codec()
    send(sparkplug, "NBIRTH", payload(dict(BD_SEQ), seq=0))
    with pytest.raises(PayloadError, match="before its DBIRTH"):
        send(sparkplug, "DDATA", payload({"alias": 1, "float_value": 1.0}, seq=1))
    with pytest.raises(PayloadError, match="alias 99") as caught:
        send(born(), "DDATA", payload({"alias": 99, "float_value": 1.0}, seq=2))
    assert caught.value.reason == "birth"


def test_a_new_birth_of_the_node_forgets_its_devices() -> None:
    sparkplug = born()
    send(sparkplug, "NBIRTH", payload(dict(BD_SEQ), seq=0))
    with pytest.raises(PayloadError, match="before its DBIRTH"):
        send(sparkplug, "DDATA", payload({"alias": 1, "float_value": 1.0}, seq=1))


def test_the_death_of_a_node_is_that_of_its_devices() -> None:
    sparkplug = born()
    died = send(sparkplug, "NDEATH", payload(dict(BD_SEQ)))
    assert [(s.device_id, s.status) for s in died] == [("edge-1", "offline"), ("pump-1", "offline")]
    with pytest.raises(PayloadError, match="before its NBIRTH"):
        send(sparkplug, "NDATA", payload(seq=2))


def test_the_will_of_an_earlier_connection_kills_nobody() -> None:
    sparkplug = born()
    assert send(sparkplug, "NDEATH", payload(dict(BD_SEQ, long_value=6))) == []
    assert send(sparkplug, "DDATA", payload({"alias": 1, "float_value": 1.0}, seq=2))


def test_the_death_of_a_device_leaves_its_node() -> None:
    sparkplug = born()
    (died,) = send(sparkplug, "DDEATH", payload(seq=2))
    assert (died.device_id, died.status) == ("pump-1", "offline")
    assert send(sparkplug, "NDATA", payload(seq=3)) == []


def test_a_gap_in_seq_is_counted_and_the_data_used() -> None:
    sparkplug = born()
    for seq in (2, 2, 3):
        send(sparkplug, "DDATA", payload({"alias": 1, "float_value": 1.0}, seq=seq))
    assert (sparkplug.gaps, sparkplug.births_missed) == (0, set())
    assert send(sparkplug, "DDATA", payload({"alias": 1, "float_value": 1.0}, seq=5))
    assert (sparkplug.gaps, sparkplug.births_missed) == (1, {("hcmc", "edge-1")})


def test_seq_wraps_after_255() -> None:
    sparkplug = born()
    for seq in (*range(2, 256), 0, 1):
        send(sparkplug, "NDATA", payload(seq=seq))
    assert sparkplug.gaps == 0


def test_a_snapshot_takes_back_what_was_learned_since() -> None:
    sparkplug = born()
    before = sparkplug.snapshot()
    send(sparkplug, "NDEATH", payload(dict(BD_SEQ)))
    sparkplug.restore(before)
    assert send(sparkplug, "DDATA", payload({"alias": 1, "float_value": 1.0}, seq=2))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NODES", 3)
    sparkplug = codec()
    for i in range(5):
        send(sparkplug, "NBIRTH", payload(dict(BD_SEQ), seq=0), node=f"edge-{i}")
    assert send(sparkplug, "NDATA", payload(seq=1), node="edge-4") == []
    with pytest.raises(PayloadError, match="before its NBIRTH"):
        send(sparkplug, "NDATA", payload(seq=1), node="edge-1")
    monkeypatch.setattr(module, "MAX_ALIASES", 5)
    many = [{"name": f"Node Control/{i}", "alias": i, "datatype": BOOLEAN} for i in range(5)]
    send(sparkplug, "NBIRTH", payload(*many, seq=0), node="edge-9")
    with pytest.raises(PayloadError, match="before its NBIRTH"):
        send(sparkplug, "NDATA", payload(seq=2), node="edge-4")


def test_commands_and_states_carry_no_reading() -> None:
    for topic in ("spBv1.0/hcmc/NCMD/edge-1", "spBv1.0/hcmc/DCMD/edge-1/pump-1", "spBv1.0/STATE/scada"):
        assert codec().decode(b"{}", Arrival(topic, "", 0)) == []


@pytest.mark.parametrize(
    ("topic", "body", "reason"),
    [
        pytest.param("spBv1.0/hcmc/NDATA", b"", "topic", id="too-short"),
        pytest.param("spBv1.0/hcmc/NBIRTH/e/d", b"", "topic", id="too-long"),
        pytest.param("spBv1.0/hcmc/OTHER/e", b"", "topic", id="unknown-kind"),
        pytest.param("spAv1.0/hcmc/NDATA/e", b"", "topic", id="sparkplug-a"),
        pytest.param("spBv1.0/hcmc/NBIRTH/e", b"\xff\xff", "protobuf", id="not-protobuf"),
        pytest.param("spBv1.0/hcmc/NBIRTH/e", b"\x12\x03\x0a\x01\x9b", "protobuf", id="text-not-utf8"),
        pytest.param("spBv1.0/hcmc/NBIRTH/e", b"\x12\x00" * 2_001, "shape", id="too-many"),
        pytest.param("spBv1.0/hcmc/NBIRTH/e", b"\x12\x00", "shape", id="a-metric-without-a-name"),
        pytest.param("spBv1.0/hcmc/NBIRTH/e", payload(uuid="SPBV1.0_COMPRESSED"), "shape", id="compressed"),
        pytest.param("spBv1.0/hcmc/NBIRTH/!!", payload(), "device", id="no-device-id"),
    ],
)
def test_what_cannot_be_used_says_why(topic: str, body: bytes, reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        codec().decode(body, Arrival(topic, "", 0))
    assert caught.value.reason == reason


def test_devices_of_several_nodes_can_be_told_apart() -> None:
    sparkplug = born(device="{node}.{device}")
    (sample,) = send(sparkplug, "DDATA", payload({"alias": 1, "float_value": 1.0}, seq=2))
    assert sample.device_id == "edge-1.pump-1"
    with pytest.raises(ConfigError, match="sparkplug_b"):
        codec(device="{site}.{device}")


def test_a_rebirth_command_is_a_message_of_sparkplug() -> None:
    topic, body = rebirth_command(("hcmc", "edge-1"))
    assert topic == "spBv1.0/hcmc/NCMD/edge-1"
    # By hand, from the field numbers: metrics = 2 {name = 1, datatype = 4, boolean_value = 14}.
    name = b"Node Control/Rebirth"
    metric = b"\x0a" + bytes([len(name)]) + name + b"\x20\x0b" + b"\x70\x01"
    assert body == b"\x12" + bytes([len(metric)]) + metric
