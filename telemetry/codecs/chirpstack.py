"""ChirpStack v4 uplink events, as its MQTT integration publishes them in JSON.

``application/{application}/device/{dev_eui}/event/up``, the proto3 JSON mapping of
``integration.UplinkEvent``: ``deviceInfo.devEui``, ``object`` (what the device profile's
codec made of the payload), ``fCnt``, ``fPort``, ``time``, ``rxInfo`` with ``rssi``, ``snr``,
``gwTime`` (RX time at the gateway; ``time`` before 4.7) and ``nsTime`` (RX time at the
network server). The mapping leaves out fields that are zero.
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


class ChirpStack:
    """Decodes events ``up``; the names of ``object`` are dotted paths in it."""

    def __init__(self, format_: Format) -> None:
        self._naming = Naming(format_)
        self._identity = Identity(format_, usual="deviceInfo.devEui")
        self._times = TimeSource(format_)

    def decode(self, payload: bytes, arrival: Arrival) -> list[DeviceSample]:
        """As `Codec.decode`."""
        event = decode_object(payload)
        if not section(event, "deviceInfo") or not (
            "object" in event or "data" in event or "rxInfo" in event
        ):
            raise PayloadError("shape", "not an uplink event of ChirpStack v4")
        receptions = tuple(
            Reception(
                quantity("rssi", rx.get("rssi", 0)),
                quantity("snr", rx.get("snr")),
                gateway_moment(rx.get("gwTime", rx.get("time"))),
            )
            for rx in gateways(event, "rxInfo")
        )
        uplink = Uplink(
            device_id=self._identity.of(event, event, arrival),
            decoded=section(event, "object") if "object" in event else None,
            port=int(quantity("fPort", event.get("fPort")) or 0),
            frame_count=quantity("fCnt", event.get("fCnt", 0)),
            network_time=moment(event.get("time")),
            receptions=receptions,
            own_time=self._times.read(event, event),
        )
        return [sample_of(uplink, self._naming)]
