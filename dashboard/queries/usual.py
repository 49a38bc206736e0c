"""What is usual at an hour: the median of the same hour on earlier days of the same kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

DAYS = 7
"""Days looked back at."""
STEP = timedelta(minutes=15)
STEPS = 96
"""Steps a day."""


def day_kind(moment: datetime, zone: ZoneInfo) -> int:
    """0 on a weekday, 1 on a Saturday, 2 on a Sunday, by the city's calendar."""
    return max(0, moment.astimezone(zone).weekday() - 4)


def kinds(end: datetime, zone: ZoneInfo) -> NDArray[np.int64]:
    """The kind of day of every step of the eight days that end at ``end``, shape ``(8, 96)``."""
    offset = end.astimezone(zone).utcoffset() or timedelta(0)
    first = end + offset - (DAYS + 1) * timedelta(days=1)
    steps = (first.timestamp() + np.arange((DAYS + 1) * STEPS) * STEP.total_seconds()) // 86_400
    weekday = (steps.astype(np.int64) + 3) % 7  # the first day of 1970 was a Thursday
    return np.maximum(0, weekday - 4).reshape(DAYS + 1, STEPS)


def usual(values: NDArray[np.float64], kind: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of ``(8, 96)`` values the median of the first seven days by step, of days like the last."""
    alike = np.where(kind[:-1] == kind[-1], values[:-1], np.nan)
    return median(alike)


def median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median down the first axis of what is there; NaN where nothing is."""
    return _of_known(values, np.nanmedian)


def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean down the first axis of what is there; NaN where nothing is."""
    return _of_known(values, np.nanmean)


def _of_known(values: NDArray[np.float64], reduce: Callable[..., Any]) -> NDArray[np.float64]:
    # numpy warns of a column of nothing, and to silence a warning is not safe in threads.
    columns = values.reshape(len(values), math.prod(values.shape[1:]))
    known = ~np.isnan(columns).all(axis=0)
    made = np.full(columns.shape[1], np.nan)
    made[known] = reduce(columns[:, known], axis=0)
    return made.reshape(values.shape[1:])
