"""Ties: which devices a detector looks at together, and so must not be taken apart.

History is read, and a backtest played, some streams at a time; a detector that looks at one
device at a time lets every device go its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.detectors import groups
from analytics.roster import Roster
from analytics.shards import shards_of
from telemetry.detection import DetectorSpec
from telemetry.devices import Device

Tie = Callable[[DetectorSpec, Sequence[Device]], Iterable[Sequence[str]]]
"""Device ids that a detector looks at together, group by group."""


def by_domain(_spec: DetectorSpec, devices: Sequence[Device]) -> Iterable[Sequence[str]]:
    """All devices of a domain: whoever looks at neighbours may look at any of them."""
    domains: dict[str, list[str]] = {}
    for device in devices:
        domains.setdefault(device.domain, []).append(device.device_id)
    return domains.values()


TIES: dict[str, Tie] = {
    "drift": by_domain,
    "forecast": by_domain,
    "groups": groups.ties,
    "jumps": by_domain,
}
"""By kind of detector that looks at several devices: neighbours, rain gauges, groups."""

ALONE = frozenset({"limits", "onset", "rates", "seasonal", "silence", "stuck", "subspace", "vn_aqi"})
"""Kinds that look at one device at a time. One nobody has said it of ties a whole domain."""

LEARNT = frozenset({"groups"})
"""Kinds that learn from what they look at together. The others learn each stream by itself, and
a whole domain's history at once would be gigabytes."""


def leaders(specs: Iterable[DetectorSpec], devices: Sequence[Device]) -> dict[str, str]:
    """For each device the one that stands for all it is tied to, itself included."""
    leader: dict[str, str] = {}

    def find(device_id: str) -> str:
        while (above := leader.get(device_id, device_id)) != device_id:
            leader[device_id] = leader.get(above, above)
            device_id = above
        return device_id

    for spec in specs:
        for group in () if spec.kind in ALONE else TIES.get(spec.kind, by_domain)(spec, devices):
            for one in group[1:]:
                leader[find(one)] = find(group[0])
    return {device.device_id: find(device.device_id) for device in devices}


def torn(specs: Iterable[DetectorSpec], devices: Sequence[Device], n: int) -> list[str]:
    """Names of detectors that look at devices together which ``n`` shards have in different ones."""
    shards = shards_of(n)
    place = {one.device_id: next(s.number for s in shards if s.holds(one)) for one in devices}
    return [
        spec.name
        for spec in specs
        if spec.kind not in ALONE
        and any(
            len({place[one] for one in tied}) > 1 for tied in TIES.get(spec.kind, by_domain)(spec, devices)
        )
    ]


def parts(specs: Iterable[DetectorSpec], roster: Roster, width: int) -> list[NDArray[np.int64]]:
    """Places of the roster to learn from at once: parts of about ``width`` streams, each ascending.

    What a detector learns from together is in one part.
    """
    learnt = [spec for spec in specs if spec.kind in LEARNT]
    leader = leaders(learnt, list(roster.devices.values()))
    tied: dict[str, list[int]] = {}
    for place, stream in enumerate(roster.streams):
        tied.setdefault(leader.get(stream.device_id, stream.device_id), []).append(place)
    found: list[list[int]] = []
    for places in tied.values():
        if found and len(found[-1]) + len(places) <= width:
            found[-1] += places
        else:
            found.append(list(places))
    return [np.array(sorted(places), np.int64) for places in found]
