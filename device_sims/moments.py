"""Instants as the simulator needs them: seconds, local hours, days and seasons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from device_sims.tables import Floats

DAY_S = 86_400
_MID_MONTH = np.array([15.5, 45, 74.5, 105, 135.5, 166, 196.5, 227.5, 258, 288.5, 319, 349.5])
_YEAR_DAYS = 365.25


@dataclass(frozen=True, slots=True)
class Moments:
    """Instants, each array of shape ``(t,)``.

    ``micros`` since the epoch; ``seconds`` the same as float; ``day`` the local day
    since the epoch; ``hour`` the local hour 0–24; ``weekday`` 0 for Monday; ``season``
    the day of the year, 0–365.
    """

    micros: NDArray[np.int64]
    seconds: Floats
    day: NDArray[np.int64]
    hour: Floats
    weekday: NDArray[np.int64]
    season: Floats

    def __len__(self) -> int:
        return len(self.micros)


def moments(micros: NDArray[np.int64], zone: ZoneInfo) -> Moments:
    """Place ``micros`` on the local calendar."""
    seconds = micros / 1e6
    local = seconds + _offsets(seconds, zone)
    day = np.floor(local / DAY_S).astype(np.int64)
    dates = day.astype("datetime64[D]")
    into_year = dates - dates.astype("datetime64[Y]")
    return Moments(
        micros=micros,
        seconds=seconds,
        day=day,
        hour=(local - day * DAY_S) / 3600.0,
        weekday=(day + 3) % 7,
        season=into_year.astype(np.float64) + (local - day * DAY_S) / DAY_S,
    )


def _offsets(seconds: Floats, zone: ZoneInfo) -> Floats:
    """UTC offset in seconds at each instant; zones change it on whole hours at most."""
    hours, which = np.unique(np.floor(seconds / 3600.0), return_inverse=True)
    found = [_offset(hour * 3600.0, zone) for hour in hours.tolist()]
    return np.array(found)[which]


def _offset(second: float, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def day_start_s(day: int, zone: ZoneInfo) -> float:
    """When local ``day`` begins, seconds since the epoch."""
    guess = float(day * DAY_S)
    return guess - _offset(guess - _offset(guess, zone), zone)


def by_month(table: Floats, season: Floats) -> Floats:
    """A monthly table (January first) eased between the middles of the months."""
    return np.interp(season, _MID_MONTH, table, period=_YEAR_DAYS)


def by_hour(hours: Floats, table: Floats, hour: Floats) -> Floats:
    """A table by local hour, eased between its points and around midnight."""
    return np.interp(hour, hours, table, period=24.0)
