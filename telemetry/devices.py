"""Devices and the streams they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from telemetry.metrics import Domain

DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")
"""What a device may be called: safe in a topic, a URL, a file name and a page."""


@dataclass(frozen=True, slots=True)
class Device:
    """One field device.

    ``zone`` is the former district's GSO code; ``interval_s`` the usual time
    between two messages; ``tags`` whatever else the city knows of it (road,
    river, gate, …).
    """

    device_id: str
    domain: Domain
    kind: str
    name_vi: str
    name_en: str
    lat: float
    lon: float
    zone: str
    interval_s: float
    metrics: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Stream:
    """One metric of one device: the thing a time series belongs to."""

    stream_id: int
    device_id: str
    metric: str
    interval_s: float
