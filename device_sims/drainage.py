"""Readings of the drainage desk: tide, rain, street water, canals, gates and pumps."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from device_sims import noise
from device_sims.groups import Group
from device_sims.moments import Moments
from device_sims.tables import Floats, number
from telemetry.city import City
from telemetry.tide import Station, level_m

WATER_KN_M3 = 9.81
_LEVEL_NOISE_M = 0.004
_GRADIENT_S = 300.0


@dataclass(frozen=True, slots=True)
class DrainageGroups:
    """The desk's devices by what they measure."""

    gauges: Group
    rain: Group
    streets: Group
    canals: Group
    gates: Group
    pumps: Group


class Drainage:
    """The drainage devices' readings from the weather and the tide."""

    def __init__(self, city: City, seed: int, groups: DrainageGroups, stations: dict[str, Station]) -> None:
        """``stations`` are the tide stations that tags ``tide`` name."""
        self.groups = groups
        self._stations = stations
        self._residual_key = np.array([noise.key(seed, "tide-residual")], dtype=np.uint64)
        self._residual_m = number(city, "tide", "residual", "amplitude_m")
        self._residual_s = number(city, "tide", "residual", "period_h") * 3600.0
        self._close_m = number(city, "drainage", "close_level_m")
        self._band_m = number(city, "drainage", "close_band_m")
        # ρ·g·H/η in kW for each m³/s
        head = number(city, "drainage", "pump_head_m")
        self._kw_per_m3s = WATER_KN_M3 * head / number(city, "drainage", "pump_efficiency")
        canals = groups.canals
        inland = np.clip(canals.number("inland", 0.5), 0.0, 1.0)
        self._damping = 1.0 - number(city, "drainage", "canal", "damping_per_inland") * inland
        self._lag_s = 60.0 * number(city, "drainage", "canal", "lag_min_per_inland") * inland
        self._runoff = number(city, "drainage", "canal", "runoff_m_per_mm") * (0.6 + 0.8 * inland)
        self._surface_m2 = (
            canals.number("width_m", 30.0) * number(city, "drainage", "canal", "surface_km") * 1e3
        )
        self._capacity_m3s = groups.pumps.number("capacity_m3s", 1.0)
        self._units = np.maximum(1.0, groups.pumps.number("units", 1.0))
        self._noise = {item.name: getattr(groups, item.name).keys("level") for item in fields(groups)}

    def fill(
        self, matrix: Floats, at: Moments, rain: Floats, wet_mm: dict[str, Floats], depth_m: Floats
    ) -> None:
        """Write all readings.

        ``rain`` ``(t, rain gauges)``, ``wet_mm`` ``(t, n)`` at ``canals`` and ``pumps``,
        ``depth_m`` ``(t, street gauges)``.
        """
        groups = self.groups
        groups.gauges.place(
            matrix, "water_level_m", self._tide(groups.gauges, at) + self._jitter("gauges", at)
        )
        wobble = 1.0 + 0.06 * noise.white(self._noise["rain"], at.micros)
        groups.rain.place(matrix, "rain_mmph", rain * wobble)
        depth = np.maximum(0.0, depth_m + 0.5 * self._jitter("streets", at))
        groups.streets.place(matrix, "water_level_m", depth)
        self._fill_canals(matrix, at, wet_mm["canals"])
        self._fill_gates(matrix, at)
        self._fill_pumps(matrix, at, wet_mm["pumps"])

    def _fill_canals(self, matrix: Floats, at: Moments, wet_mm: Floats) -> None:
        canals = self.groups.canals
        runoff = self._runoff * wet_mm
        level = self._canal_tide(at, 0.0) + runoff
        rise = (self._canal_tide(at, _GRADIENT_S) - self._canal_tide(at, -_GRADIENT_S)) / (2 * _GRADIENT_S)
        canals.place(matrix, "water_level_m", level + self._jitter("canals", at))
        # Positive is seawards: what the falling tide and the rain send out.
        flow = -rise * self._surface_m2 + runoff * self._surface_m2 / 9_000.0
        canals.place(matrix, "flow_m3s", flow * (1.0 + 0.03 * noise.white(self._noise["canals"], at.micros)))

    def _fill_gates(self, matrix: Floats, at: Moments) -> None:
        gates = self.groups.gates
        tide = self._tide(gates, at)
        gates.place(matrix, "water_level_m", tide + self._jitter("gates", at))
        gates.place(matrix, "gate_opening_pct", np.round(100.0 * self._open_share(tide), 0))

    def _fill_pumps(self, matrix: Floats, at: Moments, wet_mm: Floats) -> None:
        pumps = self.groups.pumps
        shut = 1.0 - self._open_share(self._tide(pumps, at))
        # Rain that waits, and a shut gate behind which seepage must be lifted.
        wanted = np.clip(wet_mm / 18.0 + 0.35 * shut, 0.0, 1.0)
        running = np.floor(wanted * self._units + 0.35) / self._units
        wobble = 1.0 + 0.02 * noise.white(self._noise["pumps"], at.micros)
        flow = running * self._capacity_m3s * wobble
        pumps.place(matrix, "flow_m3s", flow)
        pumps.place(matrix, "pump_power_kw", flow * self._kw_per_m3s)

    def _open_share(self, level: Floats) -> Floats:
        """How far the gates stand open at a river level, 0–1."""
        return np.clip((self._close_m + self._band_m - level) / (2 * self._band_m), 0.0, 1.0)

    def _tide(self, group: Group, at: Moments) -> Floats:
        """River level by the tag ``tide`` of each device, shape ``(t, n)``."""
        return self._river(group.text("tide"), np.repeat(at.seconds[:, None], len(group), axis=1))

    def _canal_tide(self, at: Moments, later_s: float) -> Floats:
        """The tide as canals feel it, damped and late, shape ``(t, n)``."""
        names = self.groups.canals.text("tide")
        means = np.array([self._stations[name].z0_m if name in self._stations else 0.0 for name in names])
        river = self._river(names, at.seconds[:, None] + later_s - self._lag_s)
        return means + self._damping * (river - means)

    def _river(self, names: list[str], seconds: Floats) -> Floats:
        """Level at each column's station at ``seconds``, both ``(t, n)``; 0 without a station."""
        level = np.zeros(seconds.shape)
        for name in set(names) & set(self._stations):
            columns = np.array([place for place, found in enumerate(names) if found == name])
            times = seconds[:, columns].ravel()
            wander = noise.smooth(self._residual_key, times, self._residual_s)[:, 0]
            tide = level_m(self._stations[name], (times * 1e6).astype(np.int64)) + self._residual_m * wander
            level[:, columns] = tide.reshape(-1, len(columns))
        return level

    def _jitter(self, group: str, at: Moments) -> Floats:
        return _LEVEL_NOISE_M * noise.white(self._noise[group], at.micros)
