"""Load, voltage, frequency, power factor and street lamps as the energy desk shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
from numpy.typing import NDArray

from dashboard.queries.devices import read_inventory
from dashboard.queries.usual import mean
from store.aggregates import read_buckets
from telemetry.city import City, Threshold
from telemetry.devices import Device, Stream
from telemetry.metrics import Domain
from telemetry.readings import to_micros

FEEDER, SUBSTATION, CABINET = "feeder", "substation", "lighting_cabinet"
POWER, VOLTAGE, FREQUENCY, FACTOR = "active_power_kw", "voltage_v", "frequency_hz", "power_factor"
ALL = "all"
DAY, STEP = timedelta(days=1), timedelta(minutes=15)
LIT_SHARE = 0.3
"""Lamps that draw more of their rating than this are lit; dimmed ones draw twice as much."""
DEAD_SHARE = 0.5
"""A supply with less than this of its nominal voltage is out: an alert of its own, not a voltage."""
DUSK_H = 0.5
"""Around sunrise and sunset lamps may be on or off, hours."""

LampState = Literal["lit", "off", "failing", "burning", "changing", "unknown"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A device of the desk, and its streams by metric."""

    device: Device
    streams: Mapping[str, Stream]


@dataclass(frozen=True, slots=True)
class Load:
    """Load in kW by quarter of an hour: the last day, the day before, a week before; each ``(96,)``.

    ``times`` (µs) belong to the last day; where no feeder reported there is NaN.
    """

    times: NDArray[np.int64]
    last_day: NDArray[np.float64]
    day_before: NDArray[np.float64]
    week_before: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VoltageBand:
    """A voltage level's supplies by step (µs), as shares of nominal; every column ``(n,)``."""

    nominal_v: float
    times: NDArray[np.int64]
    low: NDArray[np.float64]
    mean: NDArray[np.float64]
    high: NDArray[np.float64]


def read_units(conn: psycopg.Connection) -> dict[str, list[Unit]]:
    """The energy devices by kind."""
    found: dict[str, list[Unit]] = {}
    for device, streams in read_inventory(conn):
        if device.domain is Domain.ENERGY:
            unit = Unit(device, {stream.metric: stream for stream in streams})
            found.setdefault(device.kind, []).append(unit)
    return found


def read_load(conn: psycopg.Connection, feeder: str, now: datetime) -> Load | None:
    """The load of a feeder, or of all together; ``None`` where there is no such feeder."""
    units = [unit for unit in read_units(conn).get(FEEDER, []) if feeder in (ALL, unit.device.device_id)]
    ids = [unit.streams[POWER].stream_id for unit in units if POWER in unit.streams]
    if not ids:
        return None
    days = [_day(conn, ids, now - back * DAY) for back in (0, 1, 7)]
    steps = np.arange(DAY // STEP, dtype=np.int64)
    times = to_micros(now - DAY) + steps * (STEP // timedelta(microseconds=1))
    return Load(times, *days)


def read_frequency(
    conn: psycopg.Connection, now: datetime, known: Mapping[str, Sequence[Unit]] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Times (µs) and the substations' mean frequency over the last day, by five minutes."""
    width = timedelta(minutes=5)
    units = (known or read_units(conn)).get(SUBSTATION, [])
    ids = [unit.streams[FREQUENCY].stream_id for unit in units if FREQUENCY in unit.streams]
    table = read_buckets(conn, ids, now - DAY, now, width).table(ids, now - DAY, now, width)
    steps = np.arange(table.shape[1], dtype=np.int64)
    times = to_micros(now - DAY) + steps * (width // timedelta(microseconds=1))
    return times, mean(table) if ids else np.full(len(steps), np.nan)


def read_voltage(
    conn: psycopg.Connection, end: datetime, known: Mapping[str, Sequence[Unit]] | None = None
) -> list[VoltageBand]:
    """Voltage by level over the 24 hours to ``end``, the highest first; without lamps, off by day."""
    by_level: dict[float, list[int]] = {}
    for kind, units in (known or read_units(conn)).items():
        for unit in units:
            nominal = nominal_v(unit.device)
            if kind != CABINET and nominal and VOLTAGE in unit.streams:
                by_level.setdefault(nominal, []).append(unit.streams[VOLTAGE].stream_id)
    ids = [stream_id for found in by_level.values() for stream_id in found]
    found = read_buckets(conn, ids, end - DAY, end, STEP)
    table = found.table(ids, end - DAY, end, STEP)
    lowest = found.table(ids, end - DAY, end, STEP, "lows")
    steps = np.arange(table.shape[1], dtype=np.int64)
    times = to_micros(end - DAY) + steps * (STEP // timedelta(microseconds=1))
    row_of = {stream_id: row for row, stream_id in enumerate(ids)}
    bands: list[VoltageBand] = []
    for nominal in sorted(by_level, reverse=True):
        rows = [row_of[stream_id] for stream_id in by_level[nominal]]
        # A quarter of an hour with an outage in it has no mean voltage worth showing.
        whole = np.where(lowest[rows] > DEAD_SHARE * nominal, table[rows], np.nan)
        bands.append(_voltage_band(nominal, times, whole))
    return bands


def voltage_limits(limits: Sequence[Threshold]) -> dict[float, str]:
    """Severities by the share of nominal at which voltage limits stand, the lowest share first."""
    found: dict[float, str] = {}
    for limit in limits:
        nominal = float(limit.tags.get("nominal_v", 0) or 0)
        if limit.metric == VOLTAGE and nominal > 0:
            found[round(limit.limit / nominal - 1, 3)] = str(limit.severity)
    return dict(sorted(found.items()))


def nominal_v(device: Device) -> float:
    """A supply's nominal voltage; 0 where the profile does not say."""
    try:
        return max(0.0, float(device.tags.get("nominal_v", "0")))
    except ValueError:
        return 0.0


def _voltage_band(nominal: float, times: NDArray[np.int64], volts: NDArray[np.float64]) -> VoltageBand:
    share = volts / nominal - 1
    there = np.isfinite(share)
    some = there.any(axis=0)
    low = np.where(some, np.where(there, share, np.inf).min(axis=0), np.nan)
    high = np.where(some, np.where(there, share, -np.inf).max(axis=0), np.nan)
    return VoltageBand(nominal, times, low, mean(share), high)


def lamp_state(power_kw: float | None, rated_kw: float, *, dark: bool | None) -> LampState:
    """What a cabinet's lamps do against what they should; ``dark`` is None around dusk and dawn."""
    if power_kw is None or rated_kw <= 0:
        return "unknown"
    lit = power_kw > LIT_SHARE * rated_kw
    if dark is None:
        return "changing"
    if dark:
        return "lit" if lit else "failing"
    return "burning" if lit else "off"


def is_dark(city: City, now: datetime, zone: ZoneInfo) -> bool | None:
    """Whether lamps should be lit; None around dusk and dawn, and where the sun's hours are not known."""
    sun: Any = city.sim.get("energy", {}).get("sun")
    if not sun:
        return None
    local = now.astimezone(zone)
    month, hour = local.month - 1 + (local.day - 15) / 30.4, local.hour + local.minute / 60
    rise, sunset = (_by_month(sun[key], month) for key in ("rise", "set"))
    if min(abs(hour - rise), abs(hour - sunset)) < DUSK_H:
        return None
    return not rise < hour < sunset


def rated_kw(device: Device) -> float:
    """The lamps' power together."""
    try:
        return float(device.tags["lamps"]) * float(device.tags["lamp_w"]) / 1000
    except (KeyError, ValueError):
        return 0.0


def _day(conn: psycopg.Connection, ids: Sequence[int], end: datetime) -> NDArray[np.float64]:
    table = read_buckets(conn, ids, end - DAY, end, STEP).table(ids, end - DAY, end, STEP)
    # A feeder that is missing for a while must not show as a drop of the total.
    return mean(table) * len(ids)


def _by_month(hours: Sequence[float], month: float) -> float:
    return float(np.interp(month, np.arange(-1, 13), [hours[-1], *hours, hours[0]]))
