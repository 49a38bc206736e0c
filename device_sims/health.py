"""The devices' own health: batteries that sink and are changed, signals that fade in rain."""

from __future__ import annotations

import numpy as np

from device_sims import noise
from device_sims.groups import Group
from device_sims.moments import DAY_S, Moments
from device_sims.tables import Floats

_FULL_PCT, _CHANGED_AT_PCT = 100.0, 22.0
_SHORTEST_DAYS, _LONGEST_DAYS = 50.0, 200.0
_RAIN_FADES_DB = 6.0


class Health:
    """Battery charge and signal strength of any device that reports them."""

    def __init__(self, devices: Group) -> None:
        self.devices = devices
        self._life_s = devices.own("battery-life", _SHORTEST_DAYS, _LONGEST_DAYS) * DAY_S
        self._age = devices.own("battery-age", 0.0, 1.0)
        self._signal_dbm = devices.own("signal", -98.0, -66.0)
        self._keys = devices.keys("health")

    def fill(self, matrix: Floats, at: Moments, rain: Floats) -> None:
        """Write both metrics; ``rain`` ``(t, n)`` mm/h at the devices."""
        used = (at.seconds[:, None] / self._life_s + self._age) % 1.0
        charge = _FULL_PCT - (_FULL_PCT - _CHANGED_AT_PCT) * used
        self.devices.place(matrix, "battery_pct", charge)
        signal = self._signal_dbm + 2.5 * noise.smooth(self._keys, at.seconds, 3 * 3600.0)
        signal = signal + 1.2 * noise.white(self._keys, at.micros)
        self.devices.place(matrix, "rssi_dbm", signal - _RAIN_FADES_DB * np.minimum(1.0, rain / 60.0))
