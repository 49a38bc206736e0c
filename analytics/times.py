"""Microseconds since the epoch, and the local week they fall in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR

_DENSE = 7 * 24
"""Hours that are looked up sooner than sorted."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(at: int) -> datetime:
    """Microseconds since the epoch as an aware time, exactly."""
    return _EPOCH + timedelta(microseconds=at)


def micros(at: datetime) -> int:
    """An aware time as microseconds since the epoch, exactly."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def to_local(times: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """Wall-clock microseconds in ``zone``: as if its clock face were UTC.

    The offset is looked up once an hour of the data, since it can change only then.
    """
    if times.size == 0:
        return times
    hours = times // HOUR
    first, last = int(hours.min()), int(hours.max())
    if last - first < times.size + _DENSE:
        offsets = [_offset(hour * HOUR, zone) for hour in range(first, last + 1)]
        return times + np.array(offsets, np.int64)[hours - first]
    some, place = np.unique(hours, return_inverse=True)
    return times + np.array([_offset(hour * HOUR, zone) for hour in some.tolist()], np.int64)[place]


def day_of_week(local: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 for Monday … 6 for Sunday, of wall-clock microseconds."""
    # 1970-01-01 was a Thursday.
    return (local // DAY + 3) % 7


@lru_cache(4096)
def _offset(at: int, zone: ZoneInfo) -> int:
    offset = moment(at).astimezone(zone).utcoffset() or timedelta()
    return offset // timedelta(microseconds=1)
