"""What the explorer draws: lines of several streams, their spread, their past week and what was marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray

from dashboard.queries.labels import labels_of
from dashboard.queries.series import Series, gap_starts, mark_gaps, thin
from store import readings
from store.aggregates import read_buckets
from store.alert_search import AlertSearch, search_alerts
from store.anomalies import list_anomalies
from store.devices import get_device, get_stream, list_devices, list_streams
from store.quality import list_intervals
from telemetry.alerts import Alert, Anomaly
from telemetry.devices import Device, Stream
from telemetry.errors import NotFoundError
from telemetry.labels import Label
from telemetry.metrics import METRICS
from telemetry.readings import Readings

MOST_STREAMS = 8
"""More lines than this tell nothing apart."""
POINTS = 1_500
"""A line's points at most: about one for each pixel of a full screen."""
BINS = 300
RAW_READINGS = 20_000
"""A stream that could have more readings than this in the time shown is summed up in the database."""
STEPS = tuple(timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440))
"""Lengths of the stretches it is summed up over; each divides a day."""
MOST_STEPS = 800
LONGEST = timedelta(days=366)
"""Times longer than this are cut."""
WEEK = timedelta(days=7)
_ALERTS = 200
_MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Band:
    """Least and greatest value of equal stretches that hold any; times in epoch ms; shape ``(n,)``."""

    times: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Track:
    """One stream's part of the picture.

    ``band`` is there where the line does not go through every reading; ``step`` where
    the line is of means over stretches of that length.
    """

    device: Device
    series: Series
    band: Band | None
    step: timedelta | None
    before: Series | None
    anomalies: list[Anomaly]
    alerts: list[Alert]
    labels: list[Label]


def read_tracks(
    conn: psycopg.Connection, stream_ids: Sequence[int], start: datetime, end: datetime, *, compare: bool
) -> list[Track]:
    """Tracks of the streams that exist, in the order asked for, at most `MOST_STREAMS`."""
    tracks: list[Track] = []
    for stream_id in list(dict.fromkeys(stream_ids))[:MOST_STREAMS]:
        try:
            stream = get_stream(conn, stream_id)
        except NotFoundError:
            continue  # an old address may name what is gone
        tracks.append(_track(conn, stream, start, end, compare=compare))
    return tracks


def step_for(stream: Stream, length: timedelta) -> timedelta | None:
    """The stretch to sum up over, so that a line has about as many points as a screen; ``None`` for raw."""
    if length.total_seconds() <= RAW_READINGS * stream.interval_s:
        return None
    return next((step for step in STEPS if length <= MOST_STEPS * step), STEPS[-1])


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
    conn: psycopg.Connection, stream: Stream, start: datetime, end: datetime, *, compare: bool
) -> Track:
    step = step_for(stream, end - start)
    series, band = _line(conn, stream, start, end, step)
    series = replace(series, faults=tuple(list_intervals(conn, [stream.stream_id], start, end)))
    return Track(
        device=get_device(conn, stream.device_id),
        series=series,
        band=band,
        step=step,
        before=_week_before(conn, stream, start, end, step) if compare else None,
        anomalies=list_anomalies(conn, stream.stream_id, start, end),
        alerts=_alerts(conn, stream.stream_id, start, end),
        labels=labels_of(conn, stream, start, end),
    )


def _line(
    conn: psycopg.Connection, stream: Stream, start: datetime, end: datetime, step: timedelta | None
) -> tuple[Series, Band | None]:
    """Every reading, or the shape of them and their spread; or means over stretches and their spread."""
    if step is not None:
        return _summed(conn, stream, start, end, step)
    found = readings.read_range(conn, [stream.stream_id], start, end)
    kept = thin(found, POINTS)
    thinned = len(kept) < len(found)
    columns = mark_gaps(kept, gap_starts(found, stream.interval_s))
    band = spread(found, BINS) if thinned else None
    return Series(stream, start, end, len(found), thinned, *columns), band


def _summed(
    conn: psycopg.Connection, stream: Stream, start: datetime, end: datetime, step: timedelta
) -> tuple[Series, Band]:
    # Where a stretch ends with a bucket of a rollup, that one answers; the last may end after ``end``.
    until = end + (_MIDNIGHT - end) % step
    found = read_buckets(conn, [stream.stream_id], start, until, step)
    middles = found.times + step // timedelta(microseconds=2)
    means = Readings.of(found.stream_ids, middles, found.means)
    columns = mark_gaps(means, gap_starts(means, step.total_seconds()))
    band = Band(middles // 1000, found.lows, found.highs)
    return Series(stream, start, end, int(found.counts.sum()), True, *columns), band


def _week_before(
    conn: psycopg.Connection, stream: Stream, start: datetime, end: datetime, step: timedelta | None
) -> Series:
    """The same hours a week ago, moved to now."""
    before, _ = _line(conn, stream, start - WEEK, end - WEEK, step)
    moved = before.times + round(WEEK.total_seconds() * 1000)
    return Series(
        stream, start, end, before.readings, before.downsampled, moved, before.values, before.qualities
    )


def _alerts(conn: psycopg.Connection, stream_id: int, start: datetime, end: datetime) -> list[Alert]:
    _, found = search_alerts(conn, AlertSearch(stream_id=stream_id, before=end, limit=_ALERTS))
    return [alert for alert in found if (alert.resolved_at or end) >= start]


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
