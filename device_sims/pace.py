"""The simulated clock and whose turn it is to speak. Pure: the wall clock is passed in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device_sims import noise
from device_sims.tables import Floats
from telemetry.devices import Device

REPLAY_S = 86_400.0
"""How far back a run with ``speed`` above 1 begins."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Simulated seconds since the epoch from the wall's.

    It runs ``speed`` times faster from ``started_s − REPLAY_S`` until it has caught up
    with the wall, then with it: nothing is ever stamped in the future.
    """

    started_s: float
    speed: float = 1.0

    def now_s(self, wall_s: float) -> float:
        """The simulated time when the wall clock shows ``wall_s``."""
        if self.speed <= 1.0:
            return wall_s
        return min(wall_s, self.started_s - REPLAY_S + (wall_s - self.started_s) * self.speed)


class Rota:
    """When each device speaks: every interval, each at its own moment within it."""

    def __init__(self, devices: tuple[Device, ...], seed: int, rate: float | None) -> None:
        """``rate`` is messages per second in all, in place of the devices' own intervals."""
        own = np.array([device.interval_s for device in devices])
        self.interval_s: Floats = np.full(len(devices), len(devices) / rate) if rate else own
        keys = np.array([noise.key(seed, device.device_id, "turn") for device in devices], dtype=np.uint64)
        self._offset_s = noise.uniform(keys, np.zeros(1, np.int64))[0] * self.interval_s

    def due(self, after_s: float, until_s: float) -> tuple[NDArray[np.intp], Floats]:
        """Whose turn came in ``(after_s, until_s]``, and when: device places and seconds, by time.

        A device whose interval is shorter than the span has several turns.
        """
        before = np.floor((after_s - self._offset_s) / self.interval_s)
        turns = (np.floor((until_s - self._offset_s) / self.interval_s) - before).astype(np.int64)
        who = np.repeat(np.arange(len(turns)), turns)
        nth = np.arange(len(who)) - np.repeat(np.cumsum(turns) - turns, turns) + 1
        when = (before[who] + nth) * self.interval_s[who] + self._offset_s[who]
        order = np.argsort(when, kind="stable")
        return who[order].astype(np.intp), when[order]

    @property
    def rate(self) -> float:
        """Messages per second in all."""
        return float(np.sum(1.0 / self.interval_s))
