"""Selectors: naming streams by what they are, so that new ones are taken up by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

from telemetry.devices import Device


class Selector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Streams that fit every list given; an empty list asks for nothing.

    Within a list any entry will do. ``device`` takes shell patterns (``level-*``);
    ``domain``, ``metric``, ``zone`` and ``kind`` are keys; of ``tags`` each named one must
    have one of the values given.
    """

    domain: tuple[str, ...] = ()
    metric: tuple[str, ...] = ()
    zone: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = {}

    def matches(self, device: Device, metric: str) -> bool:
        """Whether ``metric`` of ``device`` fits."""
        return (
            (not self.domain or device.domain in self.domain)
            and (not self.metric or metric in self.metric)
            and (not self.zone or device.zone in self.zone)
            and (not self.kind or device.kind in self.kind)
            and (not self.device or any(fnmatchcase(device.device_id, pattern) for pattern in self.device))
            and all(device.tags.get(name) in values for name, values in self.tags.items())
        )
