"""What the explorer draws: lines of several streams, their spread, their past week and what was marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray

from dashboard.queries.series import Series, gap_starts, mark_gaps, thin
from store import readings
from store.alerts import list_alerts
from store.anomalies import list_anomalies
from store.devices import get_device, get_stream, list_devices, list_streams
from telemetry.alerts import Alert, Anomaly
from telemetry.devices import Device
from telemetry.errors import NotFoundError
from telemetry.metrics import METRICS
from telemetry.readings import Readings

MOST_STREAMS = 8
"""More lines than this tell nothing apart."""
POINTS = 1_500
"""A line's points at most: about one for each pixel of a full screen."""
BINS = 300
WEEK = timedelta(days=7)
_ALERTS = 200


@dataclass(frozen=True, slots=True)
class Band:
    """Least and greatest value of equal stretches that hold any; times in epoch ms; shape ``(n,)``."""

    times: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Track:
    """One stream's part of the picture. ``band`` is there where the line was thinned."""

    device: Device
    series: Series
    band: Band | None
    before: Series | None
    anomalies: list[Anomaly]
    alerts: list[Alert]


def read_tracks(
    conn: psycopg.Connection, stream_ids: Sequence[int], start: datetime, end: datetime, *, compare: bool
) -> list[Track]:
    """Tracks of the streams that exist, in the order asked for, at most `MOST_STREAMS`."""
    tracks: list[Track] = []
    for stream_id in list(dict.fromkeys(stream_ids))[:MOST_STREAMS]:
        try:
            tracks.append(_track(conn, stream_id, start, end, compare=compare))
        except NotFoundError:
            continue  # an old address may name what is gone
    return tracks


def spread(found: Readings, bins: int) -> Band:
    """The band of readings that are ordered by time."""
    times = found.times
    if len(times) == 0:
        return Band(times, found.values, found.values)
    width = max(1, (int(times[-1]) - int(times[0])) // bins + 1)
    place = (times - times[0]) // width
    first = np.flatnonzero(np.diff(place, prepend=-1))
    middle = (times[0] + place[first] * width + width // 2) // 1000
    return Band(middle, np.minimum.reduceat(found.values, first), np.maximum.reduceat(found.values, first))


def _track(
    conn: psycopg.Connection, stream_id: int, start: datetime, end: datetime, *, compare: bool
) -> Track:
    stream = get_stream(conn, stream_id)
    found = readings.read_range(conn, [stream_id], start, end)
    kept = thin(found, POINTS)
    columns = mark_gaps(kept, gap_starts(found, stream.interval_s))
    thinned = len(kept) < len(found)
    alerts = [
        alert
        for alert in list_alerts(conn, device_id=stream.device_id, limit=_ALERTS)
        if alert.stream_id == stream_id and alert.opened_at < end and (alert.resolved_at or end) >= start
    ]
    return Track(
        device=get_device(conn, stream.device_id),
        series=Series(stream, start, end, len(found), thinned, *columns),
        band=spread(found, BINS) if thinned else None,
        before=_week_before(conn, stream_id, start, end) if compare else None,
        anomalies=list_anomalies(conn, stream_id, start, end),
        alerts=alerts,
    )


def _week_before(conn: psycopg.Connection, stream_id: int, start: datetime, end: datetime) -> Series:
    """The same hours a week ago, moved to now."""
    stream = get_stream(conn, stream_id)
    found = readings.read_range(conn, [stream_id], start - WEEK, end - WEEK)
    kept = thin(found, POINTS)
    times, values, qualities = mark_gaps(kept, gap_starts(found, stream.interval_s))
    moved = times + round(WEEK.total_seconds() * 1000)
    return Series(stream, start, end, len(found), len(kept) < len(found), moved, values, qualities)


@dataclass(frozen=True, slots=True)
class Choice:
    """A stream that can be picked, with its device."""

    stream_id: int
    metric: str
    device: Device


def find_choices(
    conn: psycopg.Connection, words: str, chosen: Sequence[int], limit: int = 60
) -> list[Choice]:
    """Streams whose device or metric has every word, and those chosen already in any case."""
    wanted = words.casefold().split()
    devices = {device.device_id: device for device in list_devices(conn)}
    kept: list[Choice] = []
    found = 0
    for stream in list_streams(conn):
        device = devices[stream.device_id]
        matches = found < limit and all(word in _described(device, stream.metric) for word in wanted)
        found += matches
        if matches or stream.stream_id in chosen:
            kept.append(Choice(stream.stream_id, stream.metric, device))
    return kept


def _described(device: Device, metric: str) -> str:
    known = METRICS.get(metric)
    names = (known.name_vi, known.name_en) if known else ()
    return " ".join((device.device_id, device.name_vi, device.name_en, metric, *names)).casefold()
