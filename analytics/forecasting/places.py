"""Which streams are forecast, and what lies near them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.forecasting.family import FAMILIES, STEP_US
from analytics.roster import Roster
from analytics.times import SECOND
from telemetry.detection import DetectorSpec
from telemetry.devices import Device, Stream

RAIN = "rain_mmph"
NEAR = 3
"""Rain gauges that speak for a place."""
_REACH_KM = 10.0
_CELL_KM = 1.0
"""A gauge nearer than this is no better than one at this distance: a storm cell is wider."""
_KM_PER_DEGREE = 111.195
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Places:
    """The forecast streams of a roster, in its order.

    ``streams`` int64 ``(k,)``: places in the roster. ``metrics``, ``groups`` (streams that
    learn from each other) and ``stations`` (of the tide, ``""`` for none) have one entry a
    stream. ``averaging`` int64 ``(k,)``: steps of the trailing mean that is forecast, 0 for
    the value itself. ``rain`` int64 ``(g,)``: the rain gauges; ``near`` int64 and ``weight``
    float64 ``(k, NEAR)``: those nearby, `NOBODY` with weight 0 where there are fewer.
    """

    streams: NDArray[np.int64]
    metrics: NDArray[np.str_]
    groups: NDArray[np.str_]
    stations: NDArray[np.str_]
    averaging: NDArray[np.int64]
    rain: NDArray[np.int64]
    near: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.streams)

    def index(self, n: int) -> NDArray[np.int64]:
        """Roster place → place here, `NOBODY` for others, shape ``(n,)``."""
        found = np.full(n, NOBODY, np.int64)
        found[self.streams] = np.arange(len(self))
        return found


def find_places(
    roster: Roster, averaging_s: Callable[[Roster, Stream], float | None], stations: Collection[str]
) -> Places:
    """The streams of known families that ``averaging_s`` gives a time for, ``None`` leaves out."""
    taken = [
        (place, stream, seconds)
        for place, stream in enumerate(roster.streams)
        if stream.metric in FAMILIES and (seconds := averaging_s(roster, stream)) is not None
    ]
    devices = [roster.devices[stream.device_id] for _, stream, _ in taken]
    steps = [round(seconds * SECOND / STEP_US) for _, _, seconds in taken]
    tides = [device.tags.get("tide", "") for device in devices]
    rain = [place for place, stream in enumerate(roster.streams) if stream.metric == RAIN]
    gauges = [roster.devices[roster.streams[place].device_id] for place in rain]
    wet = [FAMILIES[stream.metric].rain for _, stream, _ in taken]
    near, weight = _nearby(devices, gauges, np.array(wet, np.bool_))
    kinds = [device.kind for device in devices]
    names = [f"{s.metric}/{kind}/{n}" for (_, s, _), kind, n in zip(taken, kinds, steps, strict=True)]
    return Places(
        np.array([place for place, _, _ in taken], np.int64),
        np.array([stream.metric for _, stream, _ in taken], np.str_),
        np.array(names, np.str_),
        np.array([name if name in stations else "" for name in tides], np.str_),
        np.array(steps, np.int64),
        np.array(rain, np.int64),
        near,
        weight,
    )


def ties(spec: DetectorSpec, devices: Sequence[Device]) -> list[list[str]]:
    """Ids of devices that are forecast together: those of a kind learn from each other.

    Where rain matters to a metric its devices stay with the rain gauges, whatever domain these are of.
    """
    kinds: dict[tuple[str, str], list[str]] = {}
    gauges = [device.device_id for device in devices if RAIN in device.metrics]
    for device in devices:
        for metric in device.metrics:
            if metric in FAMILIES and spec.watches(device, metric):
                kinds.setdefault((metric, device.kind), []).append(device.device_id)
    return [[*ids, *(gauges if FAMILIES[metric].rain else ())] for (metric, _), ids in kinds.items()]


def _nearby(
    devices: list[Device], gauges: list[Device], wet: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest gauges of each device and their weights, 1/(d² + 1 km²)."""
    near = np.full((len(devices), NEAR), NOBODY, np.int64)
    weight = np.zeros((len(devices), NEAR))
    if not gauges:
        return near, weight
    lat = np.array([gauge.lat for gauge in gauges])
    lon = np.array([gauge.lon for gauge in gauges])
    for place in np.flatnonzero(wet).tolist():
        device = devices[place]
        shrink = np.cos(np.radians(device.lat))
        km = _KM_PER_DEGREE * np.hypot(lat - device.lat, (lon - device.lon) * shrink)
        order = np.argsort(km, kind="stable")[:NEAR]
        order = order[km[order] <= _REACH_KM]
        near[place, : len(order)] = order
        weight[place, : len(order)] = 1.0 / (km[order] ** 2 + _CELL_KM**2)
    return near, weight
