"""Readings of the traffic desk: speed, flow and occupancy that agree with each other.

Speed follows the measured profile of the day, rain and accidents. Density then comes
from the triangular fundamental diagram (Newell 1993): ``q = vf·k`` up to the critical
density, ``q = w·(kj − k)`` beyond. Where demand is smaller than what the road could
carry at that speed, it is demand that passes. Flow is always speed × density.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device_sims import noise
from device_sims.groups import Group
from device_sims.moments import Moments, by_hour
from device_sims.tables import Floats, entry, number, numbers
from device_sims.truth import Truth
from telemetry.city import City
from telemetry.devices import Device

QUEUE_KM = 3.5
"""How far back an accident is felt at most."""
_AHEAD_KM = 2.0
_QUEUE_GROWS_KMH = 40.0
_ONSET_S = 20.0
_DISSOLVES_S = 240.0
_SLOWEST_KMH = 1.5


def queue_share(device: Device, road: str, direction: str, km: float) -> float:
    """How hard an accident at ``km`` of ``road`` hits a detector.

    1 at it, less behind it, −1 where only the flow ahead of it thins out, 0 elsewhere.
    """
    tags = device.tags
    if tags.get("road") != road or tags.get("dir") != direction or "km" not in tags:
        return 0.0
    behind = (km - float(tags["km"])) * (1.0 if direction == "b" else -1.0)
    if 0.0 <= behind <= QUEUE_KM:
        return 1.0 - 0.5 * behind / QUEUE_KM
    return -1.0 if -_AHEAD_KM <= behind < 0.0 else 0.0


class Traffic:
    """The traffic devices' readings."""

    def __init__(self, city: City, devices: Group) -> None:
        """``devices`` carry the tags ``road``, ``class``, ``lanes``, ``flow``, ``dir``, ``km``."""
        self.devices = devices
        classes = devices.text("class")
        table = entry(city, "traffic", "class")
        known = [name if name in table else next(iter(table)) for name in classes]

        def by_class(field: str) -> Floats:
            return np.array([number(city, "traffic", "class", name, field) for name in known])

        self._free = by_class("free_kmh") * devices.own("free", 0.93, 1.08)
        self._capacity = by_class("capacity_pcu_h_lane") * devices.own("capacity", 0.92, 1.06)
        self._jam = by_class("jam_pcu_km_lane")
        bottleneck = devices.number("bottleneck", 0.0)
        self._slowing = by_class("slowing") * devices.own("slowing", 0.85, 1.12) * (1.0 + 0.12 * bottleneck)
        # Speed of the backward wave: w = C / (kj − C/vf).
        self._wave = self._capacity / (self._jam - self._capacity / self._free)
        self._lanes = np.maximum(1.0, devices.number("lanes", 1.0))
        self._load = devices.own("load", 0.72, 0.98)
        self._inbound = np.array([{"in": 1.0, "out": -1.0}.get(text, 0.0) for text in devices.text("flow")])
        self._per_pcu = number(city, "traffic", "vehicles", "per_pcu")
        length = number(city, "traffic", "vehicles", "vehicle_length_m")
        self._footprint_km = (length + number(city, "traffic", "vehicles", "detector_length_m")) / 1e3
        self._rain = (
            number(city, "traffic", "rain", "slowing"),
            number(city, "traffic", "rain", "half_mmph"),
        )
        self._weekend = (
            number(city, "traffic", "profile", "saturday"),
            number(city, "traffic", "profile", "sunday"),
        )
        self._hours = numbers(city, "traffic", "profile", "hours")
        self._factor = numbers(city, "traffic", "profile", "factor", length=len(self._hours))
        self._demand = numbers(city, "traffic", "profile", "demand", length=24)
        self._roads, self._road_ratio = _road_ratios(city, devices, self._hours, self._factor)
        self._keys = {salt: devices.keys(salt) for salt in ("speed", "surge", "count", "day")}

    def fill(self, matrix: Floats, at: Moments, rain: Floats, accidents: list[Truth]) -> None:
        """Write the three metrics; ``rain`` ``(t, n)`` mm/h at the devices."""
        held, thinned = self._accidents(at, accidents)
        speed = self._free * self._profile(at)
        speed *= 1.0 - self._rain[0] * rain / (rain + self._rain[1])
        speed *= 1.0 + 0.05 * noise.smooth(self._keys["speed"], at.seconds, 420.0)
        speed *= 1.0 + 0.025 * noise.white(self._keys["speed"], at.micros)
        speed = np.maximum(speed * held, _SLOWEST_KMH)
        # On the jammed side of the diagram a speed u stands at flow u·w·kj/(u + w).
        carried = speed * self._wave * self._jam / (speed + self._wave)
        flow = np.minimum(self._wanted(at) * thinned, np.minimum(carried, self._capacity))
        flow *= 1.0 + 0.05 * noise.white(self._keys["count"], at.micros)
        density = np.minimum(flow / speed, self._jam)
        flow = density * speed
        self.devices.place(matrix, "speed_kmh", speed)
        self.devices.place(matrix, "flow_vph", flow * self._lanes * self._per_pcu)
        self.devices.place(matrix, "occupancy_pct", 100.0 * density * self._footprint_km)

    def _profile(self, at: Moments) -> Floats:
        """Share of the free speed by hour, road and weekday, shape ``(t, n)``."""
        city = by_hour(self._hours, self._factor, at.hour)
        ratio = np.stack([by_hour(self._hours, row, at.hour) for row in self._road_ratio], axis=1)
        # The way into the centre is slower in the morning, the way out in the evening.
        tide = 0.07 * np.exp(-(((at.hour - 7.6) / 1.6) ** 2)) - 0.07 * np.exp(
            -(((at.hour - 17.8) / 1.8) ** 2)
        )
        share = city[:, None] * ratio[:, self._roads] * (1.0 - tide[:, None] * self._inbound)
        slowed = 1.0 - np.clip(share, 0.05, 1.0) ** self._slowing
        return 1.0 - slowed * self._week(at)[:, None]

    def _wanted(self, at: Moments) -> Floats:
        """Vehicles wanting to pass, pcu an hour a lane, shape ``(t, n)``."""
        by_clock = by_hour(np.arange(24.0), self._demand, at.hour)
        tide = 0.12 * np.exp(-(((at.hour - 7.6) / 1.6) ** 2)) - 0.12 * np.exp(
            -(((at.hour - 17.8) / 1.8) ** 2)
        )
        demand = by_clock[:, None] * (1.0 + tide[:, None] * self._inbound)
        demand *= 0.75 + 0.25 * self._week(at)[:, None]
        demand *= 1.0 + 0.06 * noise.smooth(self._keys["surge"], at.seconds, 900.0)
        demand *= 1.0 + 0.04 * noise.white(self._keys["day"], at.day)
        return demand * self._load * self._capacity

    def _week(self, at: Moments) -> Floats:
        saturday, sunday = self._weekend
        return np.where(at.weekday == 6, sunday, np.where(at.weekday == 5, saturday, 1.0))

    def _accidents(self, at: Moments, accidents: list[Truth]) -> tuple[Floats, Floats]:
        """Factors on the speed behind accidents and on the flow ahead, each ``(t, n)``."""
        held = np.ones((len(at), len(self.devices)))
        thinned = np.ones_like(held)
        for truth in accidents:
            road, direction, km = str(truth.params["road"]), str(truth.params["dir"]), truth.number("km")
            share = np.array([queue_share(item, road, direction, km) for item in self.devices.devices])
            behind, ahead = np.clip(share, 0.0, 1.0), share < 0
            delay_s = (1.0 - behind) * 2.0 * QUEUE_KM / _QUEUE_GROWS_KMH * 3600.0
            begun = (at.seconds[:, None] - truth.start_s - delay_s) / _ONSET_S
            ended = (at.seconds[:, None] - truth.end_s - delay_s * 0.5) / _DISSOLVES_S
            strength = np.clip(begun, 0.0, 1.0) * (1.0 - np.clip(ended, 0.0, 1.0))
            held *= 1.0 - truth.number("loss") * np.sqrt(behind) * strength
            thinned *= 1.0 - 0.55 * ahead * strength
        return held, thinned


def _road_ratios(
    city: City, devices: Group, hours: Floats, factor: Floats
) -> tuple[NDArray[np.intp], Floats]:
    """Which row of the table is each device's, and the table ``(roads, hours)``.

    A row is a road's own slowing over the city's; row 0 is for roads that were not measured.
    """
    measured: dict[str, object] = entry(city, "traffic", "road_speeds")
    rows: list[Floats] = [np.ones(len(hours))]
    names = [""]
    at = numbers(city, "traffic", "road_speeds", "hours")
    for name in measured:
        if name == "hours":
            continue
        speeds = numbers(city, "traffic", "road_speeds", name, length=len(at))
        own = speeds / float(speeds[0]) / np.interp(at, hours, factor)
        row: Floats = np.interp(hours, at, own, right=1.0)
        rows.append(row)
        names.append(name)
    which = [names.index(road) if road in names else 0 for road in devices.text("road")]
    return np.array(which, dtype=np.intp), np.clip(np.stack(rows), 0.72, 1.3)
