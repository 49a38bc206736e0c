"""Who may speak, and which stream each of their metrics is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray

from store.devices import list_devices, list_streams
from telemetry.devices import Device, Stream
from telemetry.metrics import METRICS, Domain


@dataclass(frozen=True, slots=True)
class Channel:
    """A stream as the decoder needs it: its id and what an instrument can report."""

    stream_id: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Known:
    """A registered device."""

    domain: Domain
    channels: dict[str, Channel]


class Catalog:
    """The registered devices at one moment. Replaced whole when they change."""

    def __init__(self, devices: Sequence[Device], streams: Sequence[Stream]) -> None:
        self._known = {device.device_id: Known(device.domain, {}) for device in devices}
        self.device_ids = list(self._known)
        index = {device_id: i for i, device_id in enumerate(self.device_ids)}
        last = max((stream.stream_id for stream in streams), default=0)
        self.device_index: NDArray[np.intp] = np.zeros(last + 1, dtype=np.intp)
        for stream in streams:
            metric = METRICS.get(stream.metric)
            self.device_index[stream.stream_id] = index[stream.device_id]
            if metric is not None:
                channel = Channel(stream.stream_id, metric.low, metric.high)
                self._known[stream.device_id].channels[stream.metric] = channel

    def __len__(self) -> int:
        return len(self.device_ids)

    def find(self, device_id: str) -> Known | None:
        """A registered device, or ``None``."""
        return self._known.get(device_id)

    def count_by_device(self, stream_ids: NDArray[np.int32]) -> dict[str, int]:
        """How many of some readings belong to each device; devices with none are left out."""
        counts = np.bincount(self.device_index[stream_ids], minlength=1)
        return {self.device_ids[i]: int(counts[i]) for i in np.flatnonzero(counts)}


def load_catalog(conn: psycopg.Connection) -> Catalog:
    """The catalog as the store has it now."""
    # Streams first: a device registered between the two queries is then merely unknown
    # for now, where the other order would meet a stream without its device.
    streams = list_streams(conn)
    return Catalog(list_devices(conn), streams)
