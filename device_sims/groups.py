"""Devices of a kind as columns: positions, tags, own parameters, places in the matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device_sims import noise
from device_sims.noise import Keys
from device_sims.tables import Floats
from telemetry.devices import Device
from telemetry.errors import ConfigError

StreamKey = tuple[str, str]
"""A device's id and a metric's key."""


@dataclass(frozen=True, slots=True)
class Group:
    """Devices that are simulated together; arrays have shape ``(n,)``.

    ``columns[metric]`` says which of the devices report it and in which column of the
    matrix ``(t, n_streams)`` each has its place.
    """

    seed: int
    devices: tuple[Device, ...]
    lat: Floats
    lon: Floats
    columns: dict[str, tuple[NDArray[np.intp], NDArray[np.intp]]]

    def __len__(self) -> int:
        return len(self.devices)

    def keys(self, salt: str) -> Keys:
        """Noise keys, one a device."""
        found = [noise.key(self.seed, device.device_id, salt) for device in self.devices]
        return np.array(found, dtype=np.uint64)

    def own(self, salt: str, low: float, high: float) -> Floats:
        """A parameter drawn once for each device, uniform between ``low`` and ``high``."""
        return low + (high - low) * noise.uniform(self.keys(salt), np.zeros(1, np.int64))[0]

    def text(self, tag: str, default: str = "") -> list[str]:
        """A tag of each device."""
        return [device.tags.get(tag, default) for device in self.devices]

    def number(self, tag: str, default: float) -> Floats:
        """A tag of each device as a number."""
        try:
            return np.array([float(device.tags.get(tag, default)) for device in self.devices])
        except ValueError as error:
            raise ConfigError(f"devices.csv: a tag {tag!r} is not a number") from error

    def where(self, test: Callable[[Device], bool]) -> NDArray[np.bool_]:
        """A mask of the devices that pass ``test``."""
        return np.array([test(device) for device in self.devices], dtype=np.bool_)

    def place(self, matrix: Floats, metric: str, values: Floats) -> None:
        """Write ``values`` ``(t, n)`` of ``metric`` into ``matrix`` ``(t, n_streams)``."""
        if metric in self.columns:
            rows, columns = self.columns[metric]
            matrix[:, columns] = values[:, rows]


def layout(devices: Sequence[Device]) -> tuple[StreamKey, ...]:
    """The streams of ``devices``, in the order of the matrix's columns."""
    return tuple((device.device_id, metric) for device in devices for metric in device.metrics)


def group(
    seed: int, devices: Iterable[Device], keys: Sequence[StreamKey], test: Callable[[Device], bool]
) -> Group:
    """Those of ``devices`` that pass ``test``."""
    found = tuple(filter(test, devices))
    column = {key: place for place, key in enumerate(keys)}
    metrics = sorted({metric for device in found for metric in device.metrics})
    columns = {
        metric: (
            np.array([row for row, device in enumerate(found) if metric in device.metrics], dtype=np.intp),
            np.array(
                [column[device.device_id, metric] for device in found if metric in device.metrics],
                dtype=np.intp,
            ),
        )
        for metric in metrics
    }
    lat = np.array([device.lat for device in found])
    lon = np.array([device.lon for device in found])
    return Group(seed, found, lat, lon, columns)
