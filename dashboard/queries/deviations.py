"""How far a sensor and its neighbours lie off their own usual values: what a drift is told by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
from numpy.typing import NDArray

from dashboard.queries import usual
from dashboard.queries.companions import Companion
from store.aggregates import read_buckets
from telemetry.devices import Stream
from telemetry.readings import to_micros


@dataclass(frozen=True, slots=True)
class Deviations:
    """The last day by quarters of an hour: the middle of each (µs) and what a value lies off.

    ``times`` and ``own`` have shape ``(96,)``, ``near`` ``(n_neighbours, 96)``; NaN where nothing
    was measured, or nothing usual is known of that hour.
    """

    times: NDArray[np.int64]
    own: NDArray[np.float64]
    near: NDArray[np.float64]


def read_deviations(
    conn: psycopg.Connection, own: Stream, companions: Sequence[Companion], end: datetime, zone: ZoneInfo
) -> Deviations | None:
    """The day before ``end``; ``None`` where nothing usual of the sensor or of all neighbours is known."""
    ids = [own.stream_id, *(companion.series.stream.stream_id for companion in companions)]
    days = usual.DAYS + 1
    start = end - days * timedelta(days=1)
    table = read_buckets(conn, ids, start, end, usual.STEP).table(ids, start, end, usual.STEP)
    kind = usual.kinds(end, zone)
    weeks = table.reshape(len(ids), days, usual.STEPS)
    off = np.stack([week[-1] - usual.usual(week, kind) for week in weeks])
    if np.isnan(off[0]).all() or np.isnan(off[1:]).all():
        return None
    step_us = usual.STEP // timedelta(microseconds=1)
    times = to_micros(end) - (np.arange(usual.STEPS, dtype=np.int64)[::-1] * 2 + 1) * step_us // 2
    return Deviations(times, off[0], off[1:])
