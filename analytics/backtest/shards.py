"""Splitting a city into parts that can be played apart, to the same findings.

A detector that looks at one device at a time lets every device go its own way. One that
looks at several together ties them (`analytics.ties`), and they stay in one part. What goes by the
whole city is in each part anyway: its roster, and the steps in which anything arrives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analytics.backtest.plan import Plan
from analytics.backtest.play import Part, World
from analytics.backtest.sources import Steps
from analytics.ties import leaders
from telemetry.devices import Device, Stream

PART_ROWS = 10_000_000
"""Readings to learn from that a part may hold: about half a gigabyte."""

_COST = {"onset": 12.0, "subspace": 8.0, "groups": 4.0, "forecast": 4.0}
"""Microseconds a reading, fits included, of the kinds that cost more than a little; by profile."""
_LITTLE = 1.0


def split(world: World, plan: Plan, steps: Steps, least: int = 1) -> list[Part]:
    """Parts of about the same work, at least ``least`` where there are as many devices.

    More where one would hold too many readings to learn from at once.
    """
    devices = {device.device_id: device for device in world.devices}
    watched = [stream for stream in world.streams if _selected(plan, devices, stream)]
    share = sum(1 / s.interval_s for s in watched) / max(sum(1 / s.interval_s for s in world.streams), 1e-9)
    held = steps.readings * share * (plan.train / (plan.end - plan.start))
    wanted = max(least, -(-int(held) // PART_ROWS), 1)
    known = [devices[s.device_id] for s in watched if s.device_id in devices]
    groups = leaders(plan.configuration.enabled, list({d.device_id: d for d in known}.values()))
    weights = {stream.stream_id: _weight(plan, devices, stream) for stream in watched}
    parts = _packed(watched, groups, weights, wanted)
    if len(parts) == 1 and len(watched) == len(world.streams):
        return [Part(parts[0])]
    return [Part(ids, steps.numbers) for ids in parts]


def _selected(plan: Plan, devices: dict[str, Device], stream: Stream) -> bool:
    device = devices.get(stream.device_id)
    return not plan.options.select or (
        device is not None
        and any(selector.matches(device, stream.metric) for selector in plan.options.select)
    )


def _weight(plan: Plan, devices: dict[str, Device], stream: Stream) -> float:
    """How much work a stream is: what its detectors cost a reading, by how often it speaks."""
    device = devices.get(stream.device_id)
    own = 0.0
    if device is not None:
        kinds = (s.kind for s in plan.configuration.enabled if s.watches(device, stream.metric))
        own = sum(_COST.get(kind, _LITTLE) for kind in kinds)
    return (_LITTLE + own) / stream.interval_s


def _packed(
    streams: Sequence[Stream], groups: dict[str, str], weights_of: Mapping[int, float], wanted: int
) -> list[tuple[int, ...]]:
    """Streams in ``wanted`` parts, the heaviest group first to the lightest part.

    Devices of a zone and a domain come one after another in a registry, and detectors differ by
    domain, so a part gets some of each.
    """
    weights: dict[str, float] = {}
    for stream in streams:
        group = groups.get(stream.device_id, stream.device_id)
        weights[group] = weights.get(group, 0.0) + weights_of[stream.stream_id]
    loads = [0.0] * max(1, min(wanted, len(weights)))
    part_of: dict[str, int] = {}
    for group in sorted(weights, key=lambda name: (-weights[name], name)):
        part = loads.index(min(loads))
        part_of[group] = part
        loads[part] += weights[group]
    parts: list[list[int]] = [[] for _ in loads]
    for stream in streams:
        parts[part_of[groups.get(stream.device_id, stream.device_id)]].append(stream.stream_id)
    return [tuple(part) for part in parts]
