"""Roads as the traffic desk shows them: now, against what is usual, and over a week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray

from dashboard.queries import usual
from dashboard.queries.devices import read_inventory
from store.aggregates import read_buckets
from telemetry.city import City
from telemetry.devices import Device, Stream
from telemetry.metrics import Domain
from telemetry.readings import to_micros

SPEED, FLOW = "speed_kmh", "flow_vph"
RECENT = timedelta(minutes=15)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEVELS = (("A", 0.85), ("B", 0.67), ("C", 0.50), ("D", 0.40), ("E", 0.30))
"""Level of service by the least share of the free speed (HCM 2010, urban streets); F below."""

JUNCTION = "junction"
"""What the profile gives as the road of a camera over a whole junction: no road of the layer."""


@dataclass(frozen=True, slots=True)
class Road:
    """A road, its devices, and the streams of each by metric."""

    key: str
    name_vi: str
    name_en: str
    free_kmh: float
    devices: tuple[Device, ...]
    streams: Mapping[str, Mapping[str, Stream]]

    def ids(self, metric: str) -> list[int]:
        """The streams of a metric."""
        return [by[metric].stream_id for by in self.streams.values() if metric in by]


@dataclass(frozen=True, slots=True)
class RoadNow:
    """A road over the last quarter of an hour; NaN where nothing is known."""

    road: Road
    speed: float
    usual_speed: float
    flow: float
    usual_flow: float

    @property
    def level(self) -> str:
        """The level of service, empty without a speed."""
        return level_of_service(self.speed, self.road.free_kmh)


@dataclass(frozen=True, slots=True)
class RoadWeek:
    """Eight days of a road that end now, as ``(8, 96)`` quarters; ``times`` (µs) of their starts."""

    times: NDArray[np.int64]
    speed: NDArray[np.float64]
    flow: NDArray[np.float64]
    kind: NDArray[np.int64]


def level_of_service(speed: float, free_kmh: float) -> str:
    """``A`` to ``F``; empty where there is no speed."""
    if not np.isfinite(speed) or free_kmh <= 0:
        return ""
    return next((letter for letter, share in LEVELS if speed >= share * free_kmh), "F")


def read_roads(conn: psycopg.Connection, city: City) -> list[Road]:
    """The roads that have devices, by key."""
    by_road: dict[str, list[tuple[Device, list[Stream]]]] = {}
    for device, streams in read_inventory(conn):
        if device.domain is Domain.TRAFFIC and "road" in device.tags:
            by_road.setdefault(device.tags["road"], []).append((device, streams))
    names = {JUNCTION: ("Các nút giao", "Junctions"), **road_names(city)}
    return [_road(key, found, names.get(key, (key, key)), city) for key, found in sorted(by_road.items())]


def road_names(city: City) -> dict[str, tuple[str, str]]:
    """Names in both languages by the roads' keys, from the layer of roads."""
    layer: Any = msgspec.json.decode(city.layers.get("roads", b'{"features":[]}'))
    rows: list[dict[str, str]] = [feature["properties"] for feature in layer["features"]]
    return {row["key"]: (row["name_vi"], row["name_en"]) for row in rows if "key" in row}


def read_now(conn: psycopg.Connection, roads: Sequence[Road], now: datetime, zone: ZoneInfo) -> list[RoadNow]:
    """Every road now and as usual at this hour, the one farthest below its usual speed first."""
    ids = [stream_id for metric in (SPEED, FLOW) for road in roads for stream_id in road.ids(metric)]
    place = {stream_id: row for row, stream_id in enumerate(ids)}
    recent = read_buckets(conn, ids, now - RECENT, now, RECENT).table(ids, now - RECENT, now, RECENT)[:, 0]
    before = np.asarray(
        [
            _hour_around(conn, ids, now - back * DAY)
            for back in range(1, usual.DAYS + 1)
            if _alike(now, back, zone)
        ]
    )
    typical = usual.median(before) if len(before) else np.full(len(ids), np.nan)

    def over(road: Road, metric: str, values: NDArray[np.float64]) -> float:
        rows = [place[stream_id] for stream_id in road.ids(metric)]
        return float(usual.mean(values[rows])) if rows else float("nan")

    found = [
        RoadNow(
            road,
            over(road, SPEED, recent),
            over(road, SPEED, typical),
            over(road, FLOW, recent),
            over(road, FLOW, typical),
        )
        for road in roads
    ]
    return sorted(found, key=_share_of_usual)


def read_week(conn: psycopg.Connection, road: Road, now: datetime, zone: ZoneInfo) -> RoadWeek:
    """Eight days of a road, its devices' mean."""
    start = now - (usual.DAYS + 1) * DAY
    ids = [*road.ids(SPEED), *road.ids(FLOW)]
    table = read_buckets(conn, ids, start, now, usual.STEP).table(ids, start, now, usual.STEP)
    cut, shape = len(road.ids(SPEED)), (usual.DAYS + 1, usual.STEPS)
    step_us = usual.STEP // timedelta(microseconds=1)
    times = to_micros(start) + np.arange(shape[0] * shape[1], dtype=np.int64) * step_us
    speed, flow = usual.mean(table[:cut]).reshape(shape), usual.mean(table[cut:]).reshape(shape)
    return RoadWeek(times.reshape(shape), speed, flow, usual.kinds(now, zone))


def _hour_around(conn: psycopg.Connection, ids: Sequence[int], moment: datetime) -> NDArray[np.float64]:
    start, end = moment - HOUR / 2, moment + HOUR / 2
    return read_buckets(conn, ids, start, end, HOUR).table(ids, start, end, HOUR)[:, 0]


def _alike(now: datetime, back: int, zone: ZoneInfo) -> bool:
    return usual.day_kind(now - back * DAY, zone) == usual.day_kind(now, zone)


def _share_of_usual(found: RoadNow) -> tuple[bool, float]:
    share = found.speed / found.usual_speed if found.usual_speed > 0 else float("nan")
    return (bool(np.isnan(share)), 0.0 if np.isnan(share) else share)


def _road(key: str, found: Sequence[tuple[Device, list[Stream]]], names: tuple[str, str], city: City) -> Road:
    devices = tuple(device for device, _ in found)
    streams = {device.device_id: {s.metric: s for s in own} for device, own in found}
    free = [free_kmh(device, city) for device in devices]
    return Road(key, *names, sum(free) / len(free), devices, streams)


def free_kmh(device: Device, city: City) -> float:
    """The speed of a device's road when it is empty, by its class; else its limit."""
    classes: Any = city.sim.get("traffic", {}).get("class", {})
    own: Any = classes.get(device.tags.get("class", ""), {})
    return float(own.get("free_kmh", device.tags.get("limit", 50)))
