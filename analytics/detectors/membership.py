"""Membership: which streams make a group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from telemetry.devices import Device

NOBODY = -1

_ATTRIBUTES: dict[str, Callable[[Device, str], str]] = {
    "device": lambda device, _: device.device_id,
    "zone": lambda device, _: device.zone,
    "kind": lambda device, _: device.kind,
    "domain": lambda device, _: str(device.domain),
    "metric": lambda _, metric: metric,
}
_TAG = "tag:"


def group_key(group_by: tuple[str, ...], device: Device, metric: str) -> str | None:
    """The name of the group a stream is in (``road=vo_van_kiet;dir=a``), `None` for none."""
    values: list[str] = []
    for name in group_by:
        if name.startswith(_TAG):
            tag = name.removeprefix(_TAG)
            if tag not in device.tags:
                return None
            values.append(f"{tag}={device.tags[tag]}")
        else:
            values.append(f"{name}={_ATTRIBUTES[name](device, metric)}")
    return ";".join(values)


@dataclass(slots=True)
class Membership:
    """Groups and their members. Both keep their places for good; new ones follow.

    A member is a stream of a group; ``streams`` its place in the roster, ``group`` its
    group and ``seat`` its place in it, each of shape ``(n_members,)``. ``seats`` has
    shape ``(n_groups, most seats taken)``: members, `NOBODY` where a seat is free.
    """

    most: int
    keys: list[str] = field(default_factory=list[str])
    places: dict[str, int] = field(default_factory=dict[str, int])
    streams: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    group: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    seat: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    seats: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), np.int64))
    refused: int = 0
    """Streams that came to a full group."""

    def __len__(self) -> int:
        return len(self.streams)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Members of each group, shape ``(n_groups,)``."""
        return np.bincount(self.group, minlength=len(self.keys))

    def add(self, streams: list[tuple[int, str]]) -> None:
        """Take in streams (place in the roster, key of the group)."""
        size = self.sizes.tolist()
        taken: list[tuple[int, int, int]] = []
        for stream, key in streams:
            place = self.places.setdefault(key, len(self.keys))
            if place == len(self.keys):
                self.keys.append(key)
                size.append(0)
            if size[place] >= self.most:
                self.refused += 1
                continue
            taken.append((stream, place, size[place]))
            size[place] += 1
        columns = np.array(taken, np.int64).reshape(-1, 3).T
        self.streams = np.concatenate((self.streams, columns[0]))
        self.group = np.concatenate((self.group, columns[1]))
        self.seat = np.concatenate((self.seat, columns[2]))
        self.seats = np.full((len(self.keys), max(size, default=0)), NOBODY, np.int64)
        self.seats[self.group, self.seat] = np.arange(len(self))
