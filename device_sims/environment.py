"""Readings of the environment desk: particles, gases, weather and noise."""

from __future__ import annotations

import numpy as np

from device_sims import noise
from device_sims.groups import Group
from device_sims.moments import Moments, by_hour, by_month
from device_sims.tables import Floats, entry, number, numbers, span
from device_sims.truth import Truth
from telemetry.city import City

GASES = ("no2", "so2", "co")
_CLIMATE = ("temperature_min_c", "temperature_max_c", "temperature_mean_c", "humidity_pct")
_EPISODE_ONSET_S = 25.0
_EPISODE_FADES_S = 600.0
_RAIN_COOLS_C = 4.0


class Environment:
    """Air stations and noise meters."""

    def __init__(self, city: City, seed: int, air: Group, meters: Group) -> None:
        """``air`` carry the tag ``site``, ``meters`` the tag ``area``."""
        self.air = air
        self.meters = meters
        sites: dict[str, object] = entry(city, "environment", "site")
        known = [site if site in sites else next(iter(sites)) for site in air.text("site")]
        pairs = np.array([span(city, "environment", "site", site) for site in known]).reshape(-1, 2)
        self._dusty, self._busy = (
            pairs[:, 0] * air.own("dust", 0.92, 1.1),
            pairs[:, 1] * air.own("busy", 0.9, 1.1),
        )
        self._pm_mean = number(city, "environment", "pm2_5", "mean")
        self._pm_month = numbers(city, "environment", "pm2_5", "by_month", length=12)
        self._pm_hours = numbers(city, "environment", "pm2_5", "hours")
        self._pm_factor = numbers(city, "environment", "pm2_5", "factor", length=len(self._pm_hours))
        self._scavenged = number(city, "environment", "pm2_5", "scavenged")
        self._scavenge_mm = number(city, "environment", "pm2_5", "scavenge_half_mm")
        self._pm10 = number(city, "environment", "pm2_5", "pm10_ratio") * air.own("pm10", 0.92, 1.08)
        self._gas = {gas: span(city, "environment", "gas", gas) for gas in (*GASES, "o3")}
        self._titration = number(city, "environment", "gas", "o3_titration")
        self._climate = {name: numbers(city, "climate", name, length=12) for name in _CLIMATE}
        self._coldest = number(city, "climate", "coldest_hour")
        self._warmest = number(city, "climate", "warmest_hour")
        self._demand = numbers(city, "traffic", "profile", "demand", length=24)
        levels: dict[str, object] = entry(city, "environment", "noise")
        areas = [area if area in levels else next(iter(levels)) for area in meters.text("area")]
        pairs = np.array([span(city, "environment", "noise", area) for area in areas]).reshape(-1, 2)
        self._quiet_dba = pairs[:, 0] + meters.own("quiet", -2.0, 2.0)
        self._lively_dba = pairs[:, 1] * meters.own("lively", 0.9, 1.1)
        self._region = np.array([noise.key(seed, "air-mass")], dtype=np.uint64)
        self._keys = {
            name: air.keys(name) for name in ("pm2_5", "pm10", *GASES, "o3", "temperature_c", "humidity_pct")
        }
        self._noise_keys = meters.keys("noise")

    def fill(self, matrix: Floats, at: Moments, rain: Floats, wet_mm: Floats, episodes: list[Truth]) -> None:
        """Write all readings; ``rain`` mm/h and ``wet_mm`` at the air stations, ``(t, n)``."""
        extra = self._episodes(at, episodes)
        busy = by_hour(np.arange(24.0), self._demand, at.hour)[:, None]
        # The same still or windy air lies over the whole city for about a day.
        air_mass = np.exp(0.22 * noise.smooth(self._region, at.seconds, 22 * 3600.0))
        washed = 1.0 - self._scavenged * wet_mm / (wet_mm + self._scavenge_mm)
        self._fill_particles(matrix, at, air_mass * washed, extra)
        for gas in GASES:
            base, added = self._gas[gas]
            value = (base + added * busy * self._busy) * air_mass
            value *= 0.8 + 0.2 * washed
            self.air.place(matrix, gas, self._wobble(value, gas, at) + extra[gas])
        self._fill_ozone(matrix, at, busy, rain)
        self._fill_weather(matrix, at, rain, wet_mm)
        self._fill_noise(matrix, at, busy)

    def _fill_particles(self, matrix: Floats, at: Moments, air: Floats, extra: dict[str, Floats]) -> None:
        clock = by_hour(self._pm_hours, self._pm_factor, at.hour) * by_month(self._pm_month, at.season)
        fine = self._wobble(self._pm_mean * clock[:, None] * self._dusty * air, "pm2_5", at)
        fine = fine + extra["pm2_5"]
        self.air.place(matrix, "pm2_5", fine)
        coarse = fine * self._pm10 * (1.0 + 0.04 * noise.white(self._keys["pm10"], at.micros))
        self.air.place(matrix, "pm10", coarse)

    def _fill_ozone(self, matrix: Floats, at: Moments, busy: Floats, rain: Floats) -> None:
        base, added = self._gas["o3"]
        # Ozone follows the sun about two hours late.
        sun = np.exp(-(((at.hour - 14.0) / 2.9) ** 2))[:, None]
        clouded = 1.0 / (1.0 + rain / 4.0)
        value = (base + added * sun * clouded) * (1.0 - self._titration * busy * np.minimum(1.0, self._busy))
        self.air.place(matrix, "o3", self._wobble(value, "o3", at))

    def _fill_weather(self, matrix: Floats, at: Moments, rain: Floats, wet_mm: Floats) -> None:
        low = by_month(self._climate["temperature_min_c"], at.season)
        high = by_month(self._climate["temperature_max_c"], at.season)
        warm = _warmth(at.hour, self._coldest, self._warmest)
        wander = noise.smooth(self._region + np.uint64(1), at.seconds, 40 * 3600.0)[:, 0]
        temperature = (low + (high - low) * warm + 0.7 * wander)[:, None]
        temperature = temperature - _RAIN_COOLS_C * wet_mm / (wet_mm + 5.0) * (0.35 + 0.65 * warm[:, None])
        temperature = temperature + 0.15 * noise.smooth(self._keys["temperature_c"], at.seconds, 1800.0)
        self.air.place(matrix, "temperature_c", temperature)
        mean = by_month(self._climate["temperature_mean_c"], at.season)[:, None]
        humidity = by_month(self._climate["humidity_pct"], at.season)[:, None] - 3.3 * (temperature - mean)
        humidity = humidity + 12.0 * rain / (rain + 6.0)
        humidity = humidity + 1.2 * noise.smooth(self._keys["humidity_pct"], at.seconds, 2400.0)
        self.air.place(matrix, "humidity_pct", np.clip(humidity, 25.0, 99.5))

    def _fill_noise(self, matrix: Floats, at: Moments, busy: Floats) -> None:
        level = self._quiet_dba + self._lively_dba * np.sqrt(np.clip(busy, 0.0, 1.2))
        level = level + 0.9 * noise.smooth(self._noise_keys, at.seconds, 900.0)
        level = level + 0.6 * noise.white(self._noise_keys, at.micros)
        self.meters.place(matrix, "noise_dba", level)

    def _wobble(self, value: Floats, name: str, at: Moments) -> Floats:
        keys = self._keys[name]
        slow = 1.0 + 0.07 * noise.smooth(keys, at.seconds, 3600.0)
        return value * slow * (1.0 + 0.025 * noise.white(keys, at.micros))

    def _episodes(self, at: Moments, episodes: list[Truth]) -> dict[str, Floats]:
        """What pollution episodes add, µg/m³ by metric, each ``(t, n)``."""
        extra = {name: np.zeros((len(at), len(self.air))) for name in ("pm2_5", *GASES)}
        for truth in episodes:
            begun = np.clip((at.seconds - truth.start_s) / _EPISODE_ONSET_S, 0.0, 1.0)
            ended = np.clip((at.seconds - truth.end_s) / _EPISODE_FADES_S, 0.0, 1.0)
            # The first station of the list stands in the middle of it.
            ranks = {device_id: rank for rank, device_id in enumerate(truth.device_ids)}
            share = np.array([0.8 ** ranks[item.device_id] if item.device_id in ranks else 0.0
                              for item in self.air.devices])  # fmt: skip
            strength = (begun * (1.0 - ended))[:, None] * share
            for name in extra:
                extra[name] += strength * truth.number(name)
        return extra


def _warmth(hour: Floats, coldest: float, warmest: float) -> Floats:
    """0 at the coldest hour, 1 at the warmest: half a cosine up, a longer one down."""
    since = (hour - coldest) % 24.0
    climb = warmest - coldest
    rising = 0.5 - 0.5 * np.cos(np.pi * since / climb)
    falling = 0.5 + 0.5 * np.cos(np.pi * (since - climb) / (24.0 - climb))
    return np.where(since < climb, rising, falling)
