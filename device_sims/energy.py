"""Readings of the energy desk: substations, feeders, transformers, street lighting.

Power, voltage and current agree (``P = √3·U·I·cosφ`` on three phases); a feeder that
is out takes its transformers and lights with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_sims import noise
from device_sims.groups import Group
from device_sims.moments import DAY_S, Moments, by_month
from device_sims.tables import Floats, entry, number, numbers, span
from device_sims.truth import Truth
from telemetry.city import City

_ROOT_3 = np.sqrt(3.0)
_ENERGY_EPOCH_DAY = 19_723
"""2024-01-01: where the meters stood at their first reading."""
_CATCH_UP_S = 86_400.0
_FREQUENCY_STEP_S = 10.0


@dataclass(frozen=True, slots=True)
class EnergyGroups:
    """The desk's devices by kind."""

    substations: Group
    feeders: Group
    transformers: Group
    lighting: Group


class Energy:
    """The energy devices' readings."""

    def __init__(self, city: City, seed: int, groups: EnergyGroups) -> None:
        """Tags: ``nominal_v`` of all; ``rated_kw``, ``rated_a``, ``kva``, ``lamps``, ``lamp_w`` by kind."""
        self.groups = groups
        self._shapes = np.stack([_shape(city, "weekday"), _shape(city, "saturday"), _shape(city, "sunday")])
        self._month = numbers(city, "energy", "load", "by_month", length=12)
        self._sun = (
            numbers(city, "energy", "sun", "rise", length=12),
            numbers(city, "energy", "sun", "set", length=12),
        )
        self._light = {name: number(city, "energy", "lighting", name)
                       for name in ("margin_min", "dim_from_hour", "dim_to_hour", "dim_share")}  # fmt: skip
        self._hz = number(city, "energy", "nominal_hz")
        self._hz_sd = number(city, "energy", "frequency_sd_hz")
        self._hz_tau_s = number(city, "energy", "frequency_tau_s")
        self._hz_key = noise.key(seed, "frequency")
        self._pf = (
            number(city, "energy", "power_factor", "light"),
            number(city, "energy", "power_factor", "full"),
        )
        self._no_load = number(city, "energy", "voltage", "no_load")
        self._sag = number(city, "energy", "voltage", "sag")
        self._loads = {
            name: _Load.of(city, group, name)
            for name, group in (
                ("substation", groups.substations),
                ("feeder", groups.feeders),
                ("transformer", groups.transformers),
            )
        }
        lamps = groups.lighting
        self._lamps_kw = (
            lamps.number("lamps", 60.0) * lamps.number("lamp_w", 150.0) / 1e3 * lamps.own("lamps", 0.9, 1.0)
        )
        self._lamp_keys = lamps.keys("lighting")

    def fill(self, matrix: Floats, at: Moments, outages: list[Truth]) -> None:
        """Write all readings."""
        self._fill_substations(matrix, at)
        for name, group in (("feeder", self.groups.feeders), ("transformer", self.groups.transformers)):
            self._fill_three_phase(matrix, at, self._loads[name], group, outages)
        self._fill_lighting(matrix, at, outages)

    def _fill_substations(self, matrix: Floats, at: Moments) -> None:
        group, load = self.groups.substations, self._loads["substation"]
        share = self._share(at, load)
        power = group.number("rated_kw", 100_000.0) * share
        group.place(matrix, "active_power_kw", power)
        group.place(matrix, "voltage_v", self._voltage(group, share, load, at))
        swing = noise.ornstein_uhlenbeck(self._hz_key, at.seconds, self._hz_tau_s, _FREQUENCY_STEP_S)
        meter = 0.002 * noise.white(load.keys["meter"], at.micros)
        group.place(matrix, "frequency_hz", self._hz + self._hz_sd * swing[:, None] + meter)

    def _fill_three_phase(
        self, matrix: Floats, at: Moments, load: _Load, group: Group, outages: list[Truth]
    ) -> None:
        share = self._share(at, load)
        light, full = self._pf
        factor = light + (full - light) * share + load.pf_offset
        factor = factor + 0.004 * noise.smooth(load.keys["pf"], at.seconds, 1800.0)
        factor = np.minimum(factor, 0.999)
        voltage = self._voltage(group, share, load, at)
        current = load.rated_a * share
        power = _ROOT_3 * voltage * current * factor / 1e3
        up = _supplied(group, at, outages)
        group.place(matrix, "active_power_kw", power * up)
        group.place(matrix, "voltage_v", voltage * up)
        group.place(matrix, "current_a", current * up)
        # A dead meter shows unity.
        group.place(matrix, "power_factor", np.where(up > 0, factor, 1.0))
        peak_kw = _ROOT_3 * group.number("nominal_v", 380.0) * load.rated_a * load.utilisation * full / 1e3
        group.place(matrix, "energy_kwh", self._meter(group, at, peak_kw, outages))

    def _fill_lighting(self, matrix: Floats, at: Moments, outages: list[Truth]) -> None:
        group = self.groups.lighting
        up = _supplied(group, at, outages)
        lit = self._lit(at)[:, None]
        wobble = 1.0 + 0.01 * noise.smooth(self._lamp_keys, at.seconds, 1800.0)
        standby_kw = 0.15
        power = (self._lamps_kw * lit * wobble + standby_kw) * up
        nominal = group.number("nominal_v", 220.0)
        voltage = nominal * (
            1.012 - 0.012 * lit + 0.006 * noise.smooth(self._lamp_keys + np.uint64(1), at.seconds, 1200.0)
        )
        group.place(matrix, "active_power_kw", power)
        group.place(matrix, "voltage_v", voltage * up)
        group.place(matrix, "current_a", power * 1e3 / (voltage * 0.95))
        # Half the lamps' power on average over a day stands for the nights.
        group.place(matrix, "energy_kwh", self._meter(group, at, self._lamps_kw * 0.62, outages))

    def _share(self, at: Moments, load: _Load) -> Floats:
        """Load over rating, shape ``(t, n)``."""
        shape = self._shape_at(at, load.shift_h)
        evening = np.exp(-(((at.hour - 19.7) / 2.3) ** 2))[:, None] * load.evening
        season = by_month(self._month, at.season)[:, None]
        share = load.utilisation * (shape + evening) * season
        share *= 1.0 + 0.035 * noise.smooth(load.keys["load"], at.seconds, 2400.0)
        return share * (1.0 + 0.008 * noise.white(load.keys["load"], at.micros))

    def _shape_at(self, at: Moments, shift_h: Floats) -> Floats:
        kind = np.where(at.weekday == 6, 2, np.where(at.weekday == 5, 1, 0))
        hour = (at.hour[:, None] - shift_h) % 24.0
        low = hour.astype(np.int64)
        rest = hour - low
        return (
            self._shapes[kind[:, None], low] * (1 - rest) + self._shapes[kind[:, None], (low + 1) % 24] * rest
        )

    def _voltage(self, group: Group, share: Floats, load: _Load, at: Moments) -> Floats:
        tap = load.tap + 0.004 * noise.smooth(load.keys["voltage"], at.seconds, 1500.0)
        quick = 0.0012 * noise.white(load.keys["voltage"], at.micros)
        return group.number("nominal_v", 380.0) * (self._no_load + tap + quick - self._sag * share)

    def _lit(self, at: Moments) -> Floats:
        """Share of the lamps' power by the clock and the sun, shape ``(t,)``."""
        margin_h = self._light["margin_min"] / 60.0
        rise, sunset = (by_month(table, at.season) for table in self._sun)
        dark = np.clip((at.hour - sunset + margin_h) * 30.0, 0, 1) + np.clip(
            (rise + margin_h - at.hour) * 30.0, 0, 1
        )
        late = (at.hour >= self._light["dim_from_hour"]) | (at.hour < self._light["dim_to_hour"])
        return np.minimum(dark, 1.0) * np.where(late, self._light["dim_share"], 1.0)

    def _meter(self, group: Group, at: Moments, peak_kw: Floats, outages: list[Truth]) -> Floats:
        """A register that only rises: the week's shape summed up, standing still in an outage."""
        hours = self._energy_hours(at.seconds, at)[:, None]
        start_kwh = group.own("register", 2e5, 9e5)
        lost = np.zeros((len(at), len(group)))
        for truth in outages:
            edges = np.array([truth.start_s, truth.end_s])
            begin, finish = self._energy_hours(edges, at)
            within = np.clip(hours, begin, finish) - begin
            # What was not consumed is paid back within a day, too slowly to be seen.
            left = np.clip(1.0 - (at.seconds - truth.end_s) / _CATCH_UP_S, 0.0, 1.0)[:, None]
            lost += within * left * _hit(group, truth)
        return start_kwh + peak_kw * (hours - lost)

    def _energy_hours(self, seconds: Floats, at: Moments) -> Floats:
        """Hours at full load since the meters began, by the shape of the week."""
        table = np.concatenate([np.tile(self._shapes[0], 5), self._shapes[1], self._shapes[2]])
        summed = np.concatenate([[0.0], np.cumsum((table + np.roll(table, -1)) / 2.0)])
        offset_s = float(at.day[0] * DAY_S + at.hour[0] * 3600.0 - at.seconds[0])
        # 2024-01-01 was a Monday, so weeks count from it.
        hours = (seconds + offset_s) / 3600.0 - _ENERGY_EPOCH_DAY * 24.0
        within: Floats = np.interp(hours % 168.0, np.arange(169.0), summed)
        return np.floor(hours / 168.0) * float(summed[-1]) + within


@dataclass(frozen=True, slots=True)
class _Load:
    """A group's own parameters, each of shape ``(n,)``."""

    utilisation: Floats
    rated_a: Floats
    shift_h: Floats
    evening: Floats
    pf_offset: Floats
    tap: Floats
    keys: dict[str, noise.Keys]

    @classmethod
    def of(cls, city: City, group: Group, kind: str) -> _Load:
        profiles: dict[str, object] = entry(city, "energy", "profile")
        known = [name if name in profiles else next(iter(profiles)) for name in group.text("profile")]
        pairs = np.array([numbers(city, "energy", "profile", name, length=2) for name in known]).reshape(
            -1, 2
        )
        by_kva = group.number("kva", 0.0) * 1e3 / (_ROOT_3 * group.number("nominal_v", 380.0))
        return cls(
            utilisation=group.own("utilisation", *span(city, "energy", "utilisation", kind)),
            rated_a=np.where(by_kva > 0, by_kva, group.number("rated_a", 400.0)),
            shift_h=pairs[:, 0] + group.own("shift", -0.5, 0.5),
            evening=pairs[:, 1] + group.own("evening", -0.03, 0.03),
            pf_offset=group.own("pf", -0.008, 0.012),
            tap=group.own("tap", -0.006, 0.006),
            keys={salt: group.keys(salt) for salt in ("load", "pf", "voltage", "meter")},
        )


def _shape(city: City, day: str) -> Floats:
    if day != "saturday":
        return numbers(city, "energy", "load", day, length=24)
    share = number(city, "energy", "load", "saturday_weekday_share")
    return share * _shape(city, "weekday") + (1.0 - share) * _shape(city, "sunday")


def _hit(group: Group, truth: Truth) -> Floats:
    """1 for the devices an outage takes, shape ``(n,)``."""
    names = frozenset(truth.device_ids)
    return np.array([float(device.device_id in names) for device in group.devices])


def _supplied(group: Group, at: Moments, outages: list[Truth]) -> Floats:
    """1 where there is power, 0 in an outage, shape ``(t, n)``."""
    up = np.ones((len(at), len(group)))
    for truth in outages:
        out = (at.seconds >= truth.start_s) & (at.seconds < truth.end_s)
        up[out] *= 1.0 - _hit(group, truth)
    return up
