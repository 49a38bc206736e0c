"""Detectors that cannot know: what a metric says of them shows how much it flatters.

*Never* and *always* need no sensor, *random* and *periodic* tell as many alarms as the
detector they stand beside. Point-adjusted F1 is not offered anywhere: it counts a whole
event as found by one lucky point, and random scores reach 0.89 with it (Kim et al.,
AAAI 2022, show the same).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from analytics.evaluation.alarms import Alarm

NAMES = ("never", "always", "random", "periodic")


def baselines(
    n_alarms: int, devices: Sequence[str], start: datetime, end: datetime, refractory_s: float, seed: int
) -> dict[str, list[Alarm]]:
    """The alarms of each baseline, by name.

    Parameters
    ----------
    n_alarms
        How many *random* and *periodic* tell.
    devices
        Device ids they tell them of.
    start, end
        The time that is evaluated.
    refractory_s
        How often *always* tells again.
    seed
        Of *random*.
    """
    return {
        "never": [],
        "always": _always(devices, start, end, refractory_s),
        "random": _random(n_alarms, devices, start, end, seed),
        "periodic": _periodic(n_alarms, devices, start, end),
    }


def _always(devices: Sequence[str], start: datetime, end: datetime, every_s: float) -> list[Alarm]:
    count = int((end - start).total_seconds() // every_s) + 1
    times = [start + timedelta(seconds=i * every_s) for i in range(count)]
    return [_alarm(device, at) for at in times for device in devices]


def _random(n: int, devices: Sequence[str], start: datetime, end: datetime, seed: int) -> list[Alarm]:
    if not devices:
        return []
    chance = np.random.default_rng(seed)
    shares, places = chance.random(n), chance.integers(len(devices), size=n)
    picks: list[int] = places.tolist()
    pairs = zip(shares.tolist(), picks, strict=True)
    return [_alarm(devices[place], start + share * (end - start)) for share, place in pairs]


def _periodic(n: int, devices: Sequence[str], start: datetime, end: datetime) -> list[Alarm]:
    if not devices:
        return []
    step = (end - start) / max(n, 1)
    return [_alarm(devices[i % len(devices)], start + i * step) for i in range(n)]


def _alarm(device_id: str, at: datetime) -> Alarm:
    return Alarm(device_id, "", at)
