"""Which devices a run simulates: the city's own, some of them, or more than there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from telemetry.city import City
from telemetry.devices import Device
from telemetry.errors import ConfigError

LOAD_PREFIX = "load-"
"""Clones are called ``load-<number>``; they need to be registered like any device."""
MOST_DEVICES = 1_000_000


def devices(city: City, count: int | None = None) -> tuple[Device, ...]:
    """``count`` devices of ``city``.

    None gives the city's own; fewer than it has, an even selection; more, its own and
    clones that measure what the device they were cloned from measures.
    """
    own = city.devices
    if count is None or count == len(own):
        return own
    if not 0 < count <= MOST_DEVICES or not own:
        raise ConfigError(f"{count} devices cannot be simulated", cure=f"give 1 to {MOST_DEVICES}")
    if count < len(own):
        return tuple(own[place * len(own) // count] for place in range(count))
    return own + tuple(_clone(own[number % len(own)], number) for number in range(count - len(own)))


def _clone(device: Device, number: int) -> Device:
    return replace(
        device,
        device_id=f"{LOAD_PREFIX}{number + 1:06d}",
        name_vi=f"Tải thử {number + 1}: {device.name_vi}",
        name_en=f"Load test {number + 1}: {device.name_en}",
        tags={**device.tags, "clone_of": device.device_id},
    )


def originals(fleet: Sequence[Device], city: City) -> tuple[int, ...]:
    """For each device of ``fleet`` the place in ``city.devices`` whose values it reports."""
    place = {device.device_id: number for number, device in enumerate(city.devices)}
    return tuple(place[device.tags.get("clone_of", device.device_id)] for device in fleet)
