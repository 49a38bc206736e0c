"""Tide, rain, floods, canals, gates and pumps as the drainage desk shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

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

TIDE_GAUGE, RAIN_GAUGE, FLOOD_GAUGE = "tide_gauge", "rain_gauge", "flood_gauge"
LEVEL, RAIN = "water_level_m", "rain_mmph"
RANGES_H = (24, 72, 168)
_STEPS = {24: timedelta(minutes=15), 72: timedelta(hours=1), 168: timedelta(hours=2)}
DEEPEST = 4
"""Flooded spots whose course is drawn."""
DRY_M = 0.05
"""A street with less water than this is wet, not flooded."""
STEP = timedelta(minutes=10)
AHEAD = timedelta(hours=36)


@dataclass(frozen=True, slots=True)
class Gear:
    """A device of the desk, and its streams by metric."""

    device: Device
    streams: Mapping[str, Stream]


GearByKind = Mapping[str, Sequence[Gear]]


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


@dataclass(frozen=True, slots=True)
class History:
    """A metric over all gauges of a kind by step: ``times`` (µs) ``(n,)``, ``values`` ``(gauge, n)``.

    Rain is in mm a step, the depth of water the greatest of each step in metres.
    """

    times: NDArray[np.int64]
    step: timedelta
    gear: Sequence[Gear]
    values: NDArray[np.float64]


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


def read_rain(
    conn: psycopg.Connection, now: datetime, hours: int, known: GearByKind | None = None
) -> History:
    """Rain depth by step at every gauge over the last ``hours``, one of `RANGES_H`."""
    history = _history(conn, RAIN_GAUGE, RAIN, now, hours, "means", known)
    return replace(history, values=history.values * (history.step / timedelta(hours=1)))


def read_floods(
    conn: psycopg.Connection, now: datetime, hours: int, known: GearByKind | None = None
) -> History:
    """Greatest depth by step at the spots that were deepest over the last ``hours``."""
    history = _history(conn, FLOOD_GAUGE, LEVEL, now, hours, "highs", known)
    peaks = np.where(np.isfinite(history.values), history.values, -np.inf).max(axis=1, initial=-np.inf)
    kept = [int(row) for row in np.argsort(-peaks, kind="stable")[:DEEPEST] if peaks[row] > DRY_M]
    return replace(history, gear=[history.gear[row] for row in kept], values=history.values[kept])


def _history(
    conn: psycopg.Connection,
    kind: str,
    metric: str,
    now: datetime,
    hours: int,
    of: Literal["means", "highs"],
    known: GearByKind | None,
) -> History:
    gear = [item for item in (known or read_gear(conn)).get(kind, []) if metric in item.streams]
    ids = [item.streams[metric].stream_id for item in gear]
    now = now.replace(second=0, microsecond=0)  # whole minutes are answered from rollups alone
    step, start = _STEPS[hours], now - timedelta(hours=hours)
    table = read_buckets(conn, ids, start, now, step).table(ids, start, now, step, of)
    times = to_micros(start) + np.arange(table.shape[1], dtype=np.int64) * (step // timedelta(microseconds=1))
    return History(times, step, gear, table)


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
