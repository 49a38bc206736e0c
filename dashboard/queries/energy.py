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
from telemetry.city import City
from telemetry.devices import Device, Stream
from telemetry.metrics import Domain
from telemetry.readings import to_micros

FEEDER, SUBSTATION, CABINET = "feeder", "substation", "lighting_cabinet"
POWER, VOLTAGE, FREQUENCY, FACTOR = "active_power_kw", "voltage_v", "frequency_hz", "power_factor"
ALL = "all"
DAY, STEP = timedelta(days=1), timedelta(minutes=15)
LIT_SHARE = 0.3
"""Lamps that draw more of their rating than this are lit; dimmed ones draw twice as much."""
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


def read_frequency(conn: psycopg.Connection, now: datetime) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Times (µs) and the substations' mean frequency over the last day, by five minutes."""
    width = timedelta(minutes=5)
    units = read_units(conn).get(SUBSTATION, [])
    ids = [unit.streams[FREQUENCY].stream_id for unit in units if FREQUENCY in unit.streams]
    table = read_buckets(conn, ids, now - DAY, now, width).table(ids, now - DAY, now, width)
    steps = np.arange(table.shape[1], dtype=np.int64)
    times = to_micros(now - DAY) + steps * (width // timedelta(microseconds=1))
    return times, mean(table) if ids else np.full(len(steps), np.nan)


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
