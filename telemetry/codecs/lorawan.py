"""What LoRaWAN network servers have in common: an uplink, decoded by them, heard by gateways.

The device rarely has a clock, so the time is that of the frame at a gateway, as long as
it agrees with the network server's: many gateways have neither GPS nor NTP, and one that
started in 1970 or drifts must not date a reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from telemetry.codecs.contract import DeviceSample, check_count, check_usable, is_number, number
from telemetry.codecs.documents import Document, leaves
from telemetry.codecs.naming import Naming
from telemetry.errors import PayloadError
from telemetry.payloads import rfc3339_us

_AGREES_US = 60 * 1_000_000
"""A gateway's clock is believed within so much of the network server's."""


@dataclass(frozen=True, slots=True)
class Reception:
    """How one gateway heard the frame; ``None`` where it did not say."""

    rssi: float | None
    snr: float | None
    time: int | None


@dataclass(frozen=True, slots=True)
class Uplink:
    """One frame: what the network server decoded of it, and how it came."""

    device_id: str
    decoded: dict[str, Document] | None
    port: int
    frame_count: float | None
    network_time: int | None
    receptions: tuple[Reception, ...]
    own_time: int | None
    """The time of measurement that the device itself sent, where the settings say where it is."""


def sample_of(uplink: Uplink, naming: Naming) -> DeviceSample:
    """The readings of an uplink, with signal strength and frame count beside them."""
    best = max(uplink.receptions, key=_strength, default=None)
    incidental = _told(uplink, best)
    sample = DeviceSample(_time(uplink, best), {}, uplink.device_id, incidental)
    if uplink.decoded is not None:
        for n, (name, value) in enumerate(leaves(uplink.decoded), 1):
            check_count(n, "fields")
            naming.put(sample, name, value)
    elif uplink.port:
        raise PayloadError("shape", "the network server sent no decoded object; give it a payload formatter")
    if not (sample.values or sample.problems) and uplink.port:
        raise PayloadError("shape", "no reading in the decoded object")
    check_usable([sample])
    return sample


def _told(uplink: Uplink, best: Reception | None) -> dict[str, float]:
    told = {
        "rssi_dbm": best.rssi if best else None,
        "snr_db": best.snr if best else None,
        "frame_count": uplink.frame_count,
    }
    return {metric: value for metric, value in told.items() if value is not None}


def _strength(reception: Reception) -> float:
    return -1e9 if reception.rssi is None else reception.rssi


def _time(uplink: Uplink, best: Reception | None) -> int | None:
    if uplink.own_time is not None:
        return uplink.own_time
    heard: Iterable[Reception] = ([best] if best else []) + list(uplink.receptions)
    network = uplink.network_time
    for reception in heard:
        if reception.time is not None and (network is None or abs(reception.time - network) <= _AGREES_US):
            return reception.time
    return network


def moment(value: Document) -> int | None:
    """A network server's time, ``None`` where there is none."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 64:
        raise PayloadError("time", "a time that is not a text")
    return rfc3339_us(value)


def gateway_moment(value: Document) -> int | None:
    """A gateway's time; one that cannot be is none, for its clock is not the device's fault."""
    try:
        return moment(value)
    except PayloadError:
        return None


def quantity(name: str, value: Document) -> float | None:
    """An optional number beside the readings."""
    return number(name, value) if is_number(value) else None


def section(document: Document, name: str) -> dict[str, Document]:
    """A part of a message that must be an object, empty where it is left out."""
    part = document.get(name)
    if part is None:
        return {}
    if not isinstance(part, dict):
        raise PayloadError("shape", f"{name} is not an object")
    return cast("dict[str, Document]", part)


def gateways(document: Document, name: str) -> list[dict[str, Document]]:
    """A part of a message that must be a list of objects, empty where it is left out."""
    part = document.get(name)
    if part is None:
        return []
    items = cast("list[Document]", part) if isinstance(part, list) else [part]
    if not isinstance(part, list) or not all(isinstance(item, dict) for item in items):
        raise PayloadError("shape", f"{name} is not a list of objects")
    check_count(len(items), "gateways")
    return items
