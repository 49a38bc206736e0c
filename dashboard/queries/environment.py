"""Air and noise as the environment desk shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray

from dashboard.queries.devices import read_inventory
from store.aggregates import read_buckets
from telemetry.devices import Device, Stream
from telemetry.readings import to_micros
from telemetry.vn_aqi import GASES, NOWCAST_HOURS, PARTICLES, POLLUTANTS, AirIndex, hourly_index

HOUR = timedelta(hours=1)
COURSE_HOURS = 24
AIR_STATION = "air_station"
NOISE_METER = "noise_meter"


@dataclass(frozen=True, slots=True)
class Station:
    """A station, its streams by metric, and its index over the last hour, where it has one."""

    device: Device
    streams: Mapping[str, Stream]
    index: AirIndex | None = None


@dataclass(frozen=True, slots=True)
class AirCourse:
    """A station's index at the end of each hour; ``times`` (µs) of shape ``(n,)``."""

    times: NDArray[np.int64]
    indices: Sequence[AirIndex | None]


def read_stations(conn: psycopg.Connection, kind: str) -> list[Station]:
    """The devices of a kind with their streams."""
    return [
        Station(device, {stream.metric: stream for stream in streams})
        for device, streams in read_inventory(conn)
        if device.kind == kind
    ]


def read_air(conn: psycopg.Connection, now: datetime) -> list[Station]:
    """Every air station with its index, the worst first; those without one last."""
    stations = read_stations(conn, AIR_STATION)
    hours: dict[int, NDArray[np.float64]] = {}
    for pollutants, count in ((PARTICLES, NOWCAST_HOURS), (GASES, 1)):
        wanted = [s.streams[key].stream_id for s in stations for key in pollutants if key in s.streams]
        hours |= _newest_first(conn, wanted, now, count)
    found = [Station(s.device, s.streams, _index(s, hours, 0)) for s in stations]
    return sorted(found, key=lambda s: (-(s.index.value if s.index else -1), s.device.device_id))


def read_course(conn: psycopg.Connection, station: Station, now: datetime) -> AirCourse:
    """The index of a station at each of the last 24 hours, the oldest first."""
    wanted = [station.streams[key].stream_id for key in POLLUTANTS if key in station.streams]
    hours = _newest_first(conn, wanted, now, COURSE_HOURS + NOWCAST_HOURS - 1)
    backwards = range(COURSE_HOURS - 1, -1, -1)
    times = np.asarray([to_micros(now - back * HOUR) for back in backwards], np.int64)
    return AirCourse(times, [_index(station, hours, back) for back in backwards])


def _newest_first(
    conn: psycopg.Connection, stream_ids: Sequence[int], now: datetime, count: int
) -> dict[int, NDArray[np.float64]]:
    start = now - count * HOUR
    table = read_buckets(conn, stream_ids, start, now, HOUR).table(stream_ids, start, now, HOUR)
    return {stream_id: table[row, ::-1] for row, stream_id in enumerate(stream_ids)}


def _index(station: Station, hours: Mapping[int, NDArray[np.float64]], back: int) -> AirIndex | None:
    known = {
        key: hours[stream.stream_id][back:]
        for key, stream in station.streams.items()
        if key in POLLUTANTS and stream.stream_id in hours
    }
    return hourly_index(known)
