"""Devices and the streams they make."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from telemetry.errors import PayloadError
from telemetry.metrics import Domain

DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")
"""What a device may be called: safe in a topic, a URL, a file name and a page."""

_EUI64 = re.compile(r"[0-9A-Fa-f]{16}")
_OTHER = re.compile(r"[^A-Za-z0-9_.\-]+")
_LONGEST_NAME = 256


def device_id_of(name: str) -> str:
    """The device id that a foreign name stands for.

    Accents go (``Đo 1`` is ``Do-1``), every run of other characters than
    ``A–Z a–z 0–9 _ . -`` becomes one ``-``, and what is no letter or digit goes from the
    start, a ``-`` from the end. Sixteen hexadecimal digits (an EUI-64) are written in
    lower case, for network servers disagree on it. Nothing is cut: a name that is too
    long is refused.

    Raises
    ------
    PayloadError
        With ``reason`` ``device``, where nothing usable is left.
    """
    if len(name) > _LONGEST_NAME:
        raise PayloadError("device", f"a device name of {len(name)} characters")
    if _EUI64.fullmatch(name):
        return name.lower()
    plain = unicodedata.normalize("NFKD", name.replace("đ", "d").replace("Đ", "D"))
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    device_id = _OTHER.sub("-", letters).lstrip("_.-").rstrip("-")
    if DEVICE_ID.fullmatch(device_id) is None:
        raise PayloadError("device", f"{name[:80]!r} makes no device id")
    return device_id


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


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """How far a device's clock is off.

    ``offset_s`` is positive where the clock is ahead of ours; ``spread_s`` how far the
    estimates behind it lie apart; ``n_readings`` how many it has seen since the start.
    """

    device_id: str
    offset_s: float
    spread_s: float
    n_readings: int
    seen_at: datetime

    def is_off(self, tolerance_s: float) -> bool:
        """Whether it is further off than is tolerated, either way."""
        return abs(self.offset_s) > tolerance_s
