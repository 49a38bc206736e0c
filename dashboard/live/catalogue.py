"""Devices and streams as they are registered, with what is asked of them by position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from telemetry.devices import Device, Stream
from telemetry.metrics import CITY_DOMAINS

ONLINE_INTERVALS = 3
ONLINE_AT_LEAST_S = 150
"""A device is online while its newest reading is younger than three of its intervals,
and never less than this, so that one lost message does not show."""


class Catalogue:
    """What is registered; never changed, only replaced.

    A device's *position* is its place in ``devices``; arrays by position are of shape
    ``(n_devices,)``: ``patience_us`` (how old its newest reading may be while it counts as
    online) and ``domains`` (place in `CITY_DOMAINS`, -1 for none of them).
    """

    def __init__(self, devices: Sequence[Device], streams: Sequence[Stream], version: int = 0) -> None:
        self.devices = tuple(devices)
        self.streams = tuple(streams)
        self.version = version
        self.ids = tuple(device.device_id for device in devices)
        self.position = {device_id: index for index, device_id in enumerate(self.ids)}
        intervals = np.asarray([device.interval_s for device in devices], np.float64)
        self.patience_us = np.maximum(intervals * ONLINE_INTERVALS, ONLINE_AT_LEAST_S) * 1e6
        places = {domain: place for place, domain in enumerate(CITY_DOMAINS)}
        self.domains = np.asarray([places.get(device.domain, -1) for device in devices], np.intp)

    def device(self, device_id: str) -> Device | None:
        """The device of that id."""
        position = self.position.get(device_id)
        return None if position is None else self.devices[position]

    def same_as(self, devices: Sequence[Device], streams: Sequence[Stream]) -> bool:
        """Whether these are the same devices and streams."""
        return self.devices == tuple(devices) and self.streams == tuple(streams)

    def json(self) -> bytes:
        """The devices with their streams, by device id, as the interface shows them."""
        streams: dict[str, list[dict[str, Any]]] = {}
        for stream in self.streams:
            streams.setdefault(stream.device_id, []).append(
                {"stream_id": stream.stream_id, "metric": stream.metric, "interval_s": stream.interval_s}
            )
        return msgspec.json.encode(
            [
                {
                    "device_id": device.device_id,
                    "domain": device.domain,
                    "kind": device.kind,
                    "name": {"vi": device.name_vi, "en": device.name_en},
                    "lat": device.lat,
                    "lon": device.lon,
                    "zone": device.zone,
                    "interval_s": device.interval_s,
                    "tags": dict(device.tags),
                    "streams": streams.get(device.device_id, []),
                }
                for device in self.devices
            ]
        )
