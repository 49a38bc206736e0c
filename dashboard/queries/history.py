"""The last hours of the overview's tiles: alerts that stood, and devices without a signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray

from store.alert_spans import AlertSpan, list_spans
from telemetry.readings import to_micros

BACK = timedelta(hours=6)
STEP = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class TileHistory:
    """Columns of shape ``(n,)``: times (µs), standing alerts, and devices with no signal."""

    times: NDArray[np.int64]
    alerts: NDArray[np.int64]
    silent: NDArray[np.int64]


def read_history(conn: psycopg.Connection, now: datetime) -> TileHistory:
    """The last six hours, by five minutes; the last point is ``now``."""
    steps = np.arange(BACK // STEP, -1, -1, dtype=np.int64)
    times = to_micros(now) - steps * (STEP // timedelta(microseconds=1))
    spans = list_spans(conn, now - BACK)
    return TileHistory(times, standing(spans, times), standing(_by_device(spans), times))


def standing(spans: Sequence[AlertSpan], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the spans stood at each time."""
    opened = np.sort([to_micros(span.opened_at) for span in spans])
    ended = np.sort([to_micros(span.ended_at) for span in spans if span.ended_at is not None])
    begun = np.searchsorted(opened, times, side="right")
    return np.asarray(begun - np.searchsorted(ended, times, side="right"), np.int64)


def _by_device(spans: Sequence[AlertSpan]) -> list[AlertSpan]:
    """The silences, one a device: a device that is silent twice over is still one."""
    seen: dict[str, AlertSpan] = {}
    found: list[AlertSpan] = []
    for span in spans:
        if not span.silence:
            continue
        before = seen.get(span.device_id)
        if before is not None and (before.ended_at is None or before.ended_at > span.opened_at):
            continue
        seen[span.device_id] = span
        found.append(span)
    return found
