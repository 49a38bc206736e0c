"""The Things Stack v3 uplinks, as its MQTT server publishes them.

``v3/{application}@{tenant}/devices/{device}/up``: ``end_device_ids.device_id``,
``uplink_message`` with ``decoded_payload`` (what the payload formatter made of it),
``f_cnt``, ``f_port``, ``received_at`` (at the network server) and ``rx_metadata`` with
``rssi``, ``snr`` and ``time`` (at the gateway). Fields that are zero are left out. Its MQTT
server speaks QoS 0 alone: what it publishes while nobody listens is not kept.
"""

from __future__ import annotations

from telemetry.codecs.contract import Arrival, DeviceSample
from telemetry.codecs.documents import decode_object
from telemetry.codecs.identity import Identity
from telemetry.codecs.lorawan import (
    Reception,
    Uplink,
    gateway_moment,
    gateways,
    moment,
    quantity,
    sample_of,
    section,
)
from telemetry.codecs.naming import Naming
from telemetry.codecs.times import TimeSource
from telemetry.errors import PayloadError
from telemetry.settings import Format


class ThingsStack:
    """Decodes messages ``up``; the names of ``decoded_payload`` are dotted paths in it."""

    def __init__(self, format_: Format) -> None:
        self._naming = Naming(format_)
        self._identity = Identity(format_, usual="end_device_ids.device_id")
        self._times = TimeSource(format_)

    def decode(self, payload: bytes, arrival: Arrival) -> list[DeviceSample]:
        """As `Codec.decode`."""
        message = decode_object(payload)
        up = section(message, "uplink_message")
        if not up or not section(message, "end_device_ids"):
            raise PayloadError("shape", "not an uplink message of The Things Stack v3")
        receptions = tuple(
            Reception(
                quantity("rssi", rx.get("rssi", rx.get("channel_rssi", 0))),
                quantity("snr", rx.get("snr", 0)),
                gateway_moment(rx.get("time")),
            )
            for rx in gateways(up, "rx_metadata")
        )
        uplink = Uplink(
            device_id=self._identity.of(message, message, arrival),
            decoded=section(up, "decoded_payload") if "decoded_payload" in up else None,
            port=int(quantity("f_port", up.get("f_port")) or 0),
            frame_count=quantity("f_cnt", up.get("f_cnt", 0)),
            network_time=moment(up.get("received_at", message.get("received_at"))),
            receptions=receptions,
            own_time=self._times.read(message, message),
        )
        return [sample_of(uplink, self._naming)]
