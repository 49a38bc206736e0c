"""Uplinks of ChirpStack v4 and The Things Stack v3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from telemetry.codecs import Arrival, DeviceSample, make_codec
from telemetry.errors import PayloadError
from telemetry.payloads import rfc3339_us
from telemetry.settings import Field, Format

NETWORK = "2026-11-23T04:00:00.250000+00:00"
GATEWAY = "2026-11-23T04:00:00.123456789Z"
HERE = Arrival("t", "", rfc3339_us(NETWORK) + 100_000)
METRICS: dict[str, str | Field] = {
    "level.mm": Field("water_level_m", unit="mm"), "temp": "temperature_c", "rain[0]": "rain_mmph",
}  # fmt: skip
DECODED = {"level": {"mm": 1420, "raw": 7}, "temp": 29.5, "rain": [3, 4], "state": "ok"}


def chirpstack(**changes: Any) -> dict[str, Any]:
    return {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": NETWORK,
        "deviceInfo": {
            "tenantName": "HCMC", "applicationName": "levels", "deviceProfileName": "radar",
            "deviceName": "Phú An", "devEui": "0101010101ABCDEF", "tags": {"river": "Saigon"},
        },
        "devAddr": "00189440", "adr": True, "dr": 5, "fCnt": 4, "fPort": 85, "confirmed": False,
        "data": "AQID", "object": DECODED,
        "rxInfo": [
            {"gatewayId": "0016c001f153a14c", "uplinkId": 4217106255, "gwTime": "1970-01-01T00:00:01Z",
             "nsTime": NETWORK, "rssi": -36, "snr": 10.5, "crcStatus": "CRC_OK"},
            {"gatewayId": "0016c001f153a14d", "gwTime": GATEWAY, "rssi": -110, "snr": -4.0},
        ],
        "txInfo": {"frequency": 867100000, "modulation": {"lora": {"spreadingFactor": 7}}},
        **changes,
    }  # fmt: skip


def things_stack(**changes: Any) -> dict[str, Any]:
    up = {
        "session_key_id": "AXA50", "f_port": 15, "f_cnt": 2, "frm_payload": "AQID",
        "decoded_payload": DECODED,
        "rx_metadata": [
            {"gateway_ids": {"gateway_id": "gw-a"}, "time": GATEWAY, "timestamp": 1, "rssi": -36,
             "channel_rssi": -36, "snr": 10.5},
            {"gateway_ids": {"gateway_id": "gw-b"}, "rssi": -110, "snr": -4},
        ],
        "settings": {"data_rate": {"lora": {"bandwidth": 125000}}, "time": GATEWAY},
        "received_at": NETWORK, "consumed_airtime": "0.05s", **changes,
    }  # fmt: skip
    return {
        "end_device_ids": {
            "device_id": "level-phu-an",
            "application_ids": {"application_id": "levels"},
            "dev_eui": "0101010101ABCDEF",
        },
        "received_at": NETWORK,
        "uplink_message": {name: value for name, value in up.items() if value is not None},
    }


def decode(name: str, message: Any, arrival: Arrival = HERE, **settings: Any) -> DeviceSample:
    codec = make_codec(Format("t", name, **({"metrics": METRICS} | settings)))
    (sample,) = codec.decode(json.dumps(message).encode(), arrival)
    return sample


@pytest.mark.parametrize(
    ("name", "message", "device_id", "frames"),
    [
        pytest.param("chirpstack", chirpstack(), "0101010101abcdef", 4, id="chirpstack"),
        pytest.param("things_stack", things_stack(), "level-phu-an", 2, id="things-stack"),
    ],
)
def test_the_decoded_object_becomes_readings(name: str, message: Any, device_id: str, frames: int) -> None:
    sample = decode(name, message)
    assert sample.values == {"water_level_m": 1.42, "temperature_c": 29.5, "rain_mmph": 3.0}
    assert sample.incidental == {"rssi_dbm": -36.0, "snr_db": 10.5, "frame_count": frames}
    assert sample.device_id == device_id
    assert sample.time == rfc3339_us(GATEWAY)  # of a gateway whose clock can be believed


@pytest.mark.parametrize("name", ["chirpstack", "things_stack"])
def test_without_a_believable_gateway_the_networks_time_counts(name: str) -> None:
    far = [{"time": "2026-11-23T05:00:00Z", "gwTime": "2026-11-23T05:00:00Z", "rssi": -50}, {"gwTime": "x"}]
    message = chirpstack(rxInfo=far) if name == "chirpstack" else things_stack(rx_metadata=far)
    assert decode(name, message).time == rfc3339_us(NETWORK)


def test_the_topic_or_a_path_can_name_the_device() -> None:
    assert decode("chirpstack", chirpstack(), Arrival("t", "gauge-1", 0)).device_id == "gauge-1"
    settings: dict[str, Any] = {"device_path": "deviceInfo.deviceName"}
    assert decode("chirpstack", chirpstack(), Arrival("t", "gauge-1", 0), **settings).device_id == "Phu-An"


def test_the_devices_own_time_goes_first() -> None:
    message = chirpstack(object={"temp": 1, "at": 1795406000})
    sample = decode("chirpstack", message, time_path="object.at", time_format="epoch_s")
    assert sample.time == 1_795_406_000_000_000


def test_without_a_table_the_numbers_names_are_metrics() -> None:
    message = chirpstack(object={"water_level_m": 1.2, "state": "ok"})
    assert decode("chirpstack", message, metrics={}).values == {"water_level_m": 1.2}


def test_a_frame_of_the_network_alone_has_signal_and_no_reading() -> None:
    message = chirpstack(fPort=0)
    del message["object"]
    sample = decode("chirpstack", message)
    assert (sample.values, sample.incidental["rssi_dbm"]) == ({}, -36.0)


@pytest.mark.parametrize(
    ("name", "message", "reason"),
    [
        pytest.param("chirpstack", {"level": "INFO"}, "shape", id="another-event"),
        pytest.param("chirpstack", chirpstack(object=None), "shape", id="not-decoded"),
        pytest.param("chirpstack", chirpstack(object=[1]), "shape", id="object-is-an-array"),
        pytest.param("chirpstack", chirpstack(object={"other": 1}), "shape", id="nothing-wanted"),
        pytest.param("chirpstack", chirpstack(object={"temp": "warm"}), "value", id="text"),
        pytest.param("chirpstack", chirpstack(time="now"), "time", id="no-time"),
        pytest.param("chirpstack", chirpstack(rxInfo={"rssi": 1}), "shape", id="gateways-are-no-list"),
        pytest.param("chirpstack", chirpstack(deviceInfo={"devEui": None, "a": 1}), "device", id="no-device"),
        pytest.param("things_stack", {"join_accept": {}}, "shape", id="a-join"),
        pytest.param("things_stack", things_stack(decoded_payload=None), "shape", id="no-formatter"),
        pytest.param("things_stack", things_stack(rx_metadata=[1]), "shape", id="gateway-is-no-object"),
        pytest.param("things_stack", things_stack(f_cnt=10**400), "value", id="immense-count"),
    ],
)
def test_what_cannot_be_used_says_why(name: str, message: Any, reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(name, message)
    assert caught.value.reason == reason
