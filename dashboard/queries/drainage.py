"""Tide, rain, floods, canals, gates and pumps as the drainage desk shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray

from dashboard.queries.devices import read_inventory
from store.aggregates import read_buckets
from telemetry import tide
from telemetry.city import AlarmLevels, City
from telemetry.devices import Device, Stream
from telemetry.metrics import Domain
from telemetry.readings import to_micros

TIDE_GAUGE = "tide_gauge"
LEVEL = "water_level_m"
STEP = timedelta(minutes=10)
AHEAD = timedelta(hours=36)


@dataclass(frozen=True, slots=True)
class Gear:
    """A device of the desk, and its streams by metric."""

    device: Device
    streams: Mapping[str, Stream]


@dataclass(frozen=True, slots=True)
class TideCurve:
    """A gauge's levels in metres of its datum.

    ``times`` (µs) and ``observed`` of shape ``(n,)``; ``ahead_times`` and ``astronomic`` of
    shape ``(m,)``, from the same start to 36 h after ``now``; empty without constituents.
    """

    times: NDArray[np.int64]
    observed: NDArray[np.float64]
    ahead_times: NDArray[np.int64]
    astronomic: NDArray[np.float64]
    now: datetime
    alarms: AlarmLevels | None


def read_gear(conn: psycopg.Connection) -> dict[str, list[Gear]]:
    """The drainage devices by kind."""
    found: dict[str, list[Gear]] = {}
    for device, streams in read_inventory(conn):
        if device.domain is Domain.DRAINAGE:
            gear = Gear(device, {stream.metric: stream for stream in streams})
            found.setdefault(device.kind, []).append(gear)
    return found


def read_tide(
    conn: psycopg.Connection, city: City, device_id: str, now: datetime, back: timedelta
) -> TideCurve | None:
    """What a tide gauge saw since ``back`` ago, and the tide ahead; ``None`` without such a gauge."""
    gauges = read_gear(conn).get(TIDE_GAUGE, [])
    gauge = next((gear for gear in gauges if gear.device.device_id == device_id), None)
    if gauge is None or LEVEL not in gauge.streams:
        return None
    stream_id = gauge.streams[LEVEL].stream_id
    start = now - back
    seen = read_buckets(conn, [stream_id], start, now, STEP)
    ahead, level = _astronomic(city, gauge.device, start, now + AHEAD)
    middle = seen.times + STEP // timedelta(microseconds=2)
    return TideCurve(middle, seen.means, ahead, level, now, city.alarm_levels.get(device_id))


def _astronomic(
    city: City, device: Device, start: datetime, end: datetime
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    nothing = np.empty(0, np.int64), np.empty(0)
    if "tide" not in city.sim:
        return nothing
    station = tide.stations(city).get(device.tags.get("tide", ""))
    if station is None:
        return nothing
    times = np.arange(to_micros(start), to_micros(end), STEP // timedelta(microseconds=1), dtype=np.int64)
    return times, tide.level_m(station, times)
