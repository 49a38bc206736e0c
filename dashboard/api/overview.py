"""What the overview asks for besides the live feed: map layers, search, the tiles' last hours."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query, Request
from pydantic import TypeAdapter

from dashboard.api.access import PROBLEMS, RuntimeAccess
from dashboard.api.fresh import Fresh
from dashboard.api.models import Answer, Millis, Names
from dashboard.languages import Language
from dashboard.queries.environment import Station, read_air
from dashboard.queries.history import read_history
from dashboard.queries.map_layers import Gauge, MapLayers, Step, map_layers
from dashboard.queries.search import Place, city_places, device_places, find
from dashboard.runtime import Runtime
from dashboard.static import PackedFile, pack
from telemetry.city import City
from telemetry.devices import Stream

_JSON = "application/json"
_AIR_S = 60.0
_HISTORY_S = 30.0


class StepOut(Answer):
    """A class of a ladder: from which share of the nominal value on; the lowest has no ``at``."""

    at: float | None
    shade: str
    sign: str
    name: Names


class GaugeOut(Answer):
    """A stream on a ladder. ``points`` is its stretch of road, empty for a spot."""

    device_id: str
    stream_id: int
    ladder: str
    nominal: float
    points: list[tuple[float, float]]
    sided: bool


class MapLayersOut(Answer):
    """The map's layers by domain: ladders by key, gauges by layer."""

    ladders: dict[str, list[StepOut]]
    layers: dict[str, list[GaugeOut]]


class AirOut(Answer):
    """A station's VN_AQI over the last hour, without one where it has none."""

    device_id: str
    index: int | None
    category: str | None


class PlaceOut(Answer):
    """Something found by its name; a device has no geometry."""

    kind: str
    key: str
    name: Names
    within: Names
    lat: float
    lon: float
    geometry: dict[str, Any] | None


class HistoryOut(Answer):
    """The tiles over the last hours, as columns of equal length."""

    times: list[Millis]
    alerts: list[int]
    silent: list[int]


_air = TypeAdapter(list[AirOut])


def overview_router(city: City) -> APIRouter:
    """Routes of one city; what many tabs ask for is made once."""
    router = APIRouter(tags=["overview"], responses=PROBLEMS)
    plan: dict[int, PackedFile] = {}
    places: dict[int, list[Place]] = {}
    fresh: dict[str, Fresh] = {}

    @router.get("/map")
    async def read_map(runtime: RuntimeAccess, request: Request) -> MapLayersOut:
        """What each layer of the map shows of which stream; changes with the devices alone."""
        version = runtime.picture.catalogue.version
        if version not in plan:
            packed = await asyncio.to_thread(_pack_layers, runtime, city)
            plan.clear()
            plan[version] = packed
        return cast("MapLayersOut", plan[version].answer(request))

    @router.get("/map/air")
    async def read_map_air(runtime: RuntimeAccess, request: Request) -> list[AirOut]:
        """VN_AQI of every air station, at most a minute old."""
        kept = fresh.setdefault("air", Fresh(lambda: _pack_air(runtime), _AIR_S))
        return cast("list[AirOut]", (await kept.get()).answer(request))

    @router.get("/history")
    async def read_tile_history(runtime: RuntimeAccess, request: Request) -> HistoryOut:
        """Standing alerts and silent devices over the last six hours, by five minutes."""
        kept = fresh.setdefault("history", Fresh(lambda: _pack_history(runtime), _HISTORY_S))
        return cast("HistoryOut", (await kept.get()).answer(request))

    @router.get("/search")
    async def search(
        runtime: RuntimeAccess,
        q: Annotated[str, Query(description="Words of a name; accents may be left out", max_length=80)],
        limit: Annotated[int, Query(ge=1, le=50)] = 8,
    ) -> list[PlaceOut]:
        """Devices, streets, waters, wards and districts by name."""
        catalogue = runtime.picture.catalogue

        def look() -> list[PlaceOut]:
            if catalogue.version not in places:
                made = [*city_places(city), *device_places(city, catalogue.devices)]
                places.clear()
                places[catalogue.version] = made
            else:
                made = places[catalogue.version]
            return [_place_out(place) for place in find(made, q, limit)]

        return await asyncio.to_thread(look)

    return router


def _pack_layers(runtime: Runtime, city: City) -> PackedFile:
    catalogue = runtime.picture.catalogue
    streams: dict[str, list[Stream]] = {}
    for stream in catalogue.streams:
        streams.setdefault(stream.device_id, []).append(stream)
    inventory = [(device, streams.get(device.device_id, [])) for device in catalogue.devices]
    shown = _layers_out(map_layers(city, inventory), runtime.languages["vi"], runtime.languages["en"])
    return pack(shown.model_dump_json().encode(), _JSON)


async def _pack_air(runtime: Runtime) -> PackedFile:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    stations = await runtime.query(lambda conn: read_air(conn, now))
    body = _air.dump_json([_air_out(station) for station in stations])
    return await asyncio.to_thread(pack, body, _JSON)


async def _pack_history(runtime: Runtime) -> PackedFile:
    found = await runtime.query(lambda conn: read_history(conn, datetime.now(UTC)))
    shown = HistoryOut(
        times=(found.times // 1000).tolist(), alerts=found.alerts.tolist(), silent=found.silent.tolist()
    )
    return await asyncio.to_thread(pack, shown.model_dump_json().encode(), _JSON)


def _layers_out(layers: MapLayers, vi: Language, en: Language) -> MapLayersOut:
    return MapLayersOut(
        ladders={key: [_step_out(step, vi, en) for step in steps] for key, steps in layers.ladders.items()},
        layers={str(key): _gauges_out(gauges) for key, gauges in layers.gauges.items()},
    )


def _step_out(step: Step, vi: Language, en: Language) -> StepOut:
    name = step.name
    names = Names(vi=vi.t(name), en=en.t(name)) if isinstance(name, str) else Names(vi=name[0], en=name[1])
    at = None if math.isinf(step.at) else step.at
    return StepOut(at=at, shade=step.shade, sign=step.sign, name=names)


def _gauges_out(gauges: Sequence[Gauge]) -> list[GaugeOut]:
    return [
        GaugeOut(
            device_id=gauge.device_id,
            stream_id=gauge.stream_id,
            ladder=gauge.ladder,
            nominal=gauge.nominal,
            points=[(round(lon, 6), round(lat, 6)) for lon, lat in gauge.points],
            sided=gauge.sided,
        )
        for gauge in gauges
    ]


def _air_out(station: Station) -> AirOut:
    index = station.index
    return AirOut(
        device_id=station.device.device_id,
        index=index.value if index else None,
        category=str(index.category) if index else None,
    )


def _place_out(place: Place) -> PlaceOut:
    return PlaceOut(
        kind=place.kind,
        key=place.key,
        name=Names(vi=place.name_vi, en=place.name_en),
        within=Names(vi=place.within_vi, en=place.within_en),
        lat=place.lat,
        lon=place.lon,
        geometry=place.geometry,
    )
