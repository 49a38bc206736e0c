"""The city: its profile and its map layers."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from dashboard.api.access import PROBLEMS
from dashboard.api.models import CityOut, MetricOut, Names, ZoneOut
from dashboard.static import pack
from telemetry.city import City
from telemetry.errors import NotFoundError
from telemetry.metrics import METRICS


def city_router(city: City) -> APIRouter:
    """Routes of one city; its layers are compressed here, once."""
    router = APIRouter(tags=["city"])
    layers = {name: pack(body, "application/geo+json") for name, body in city.layers.items()}
    profile = _profile(city)

    @router.get("/city", responses=PROBLEMS)
    async def read_city() -> CityOut:
        """The city's profile: names, extent, zones, metrics, layer names."""
        return profile

    @router.get(
        "/layers/{name}",
        responses={**PROBLEMS, 200: {"content": {"application/geo+json": {}}}},
        response_class=Response,
    )
    async def read_layer(name: str, request: Request) -> Response:
        """One map layer as GeoJSON (RFC 7946), with an ETag."""
        if name not in layers:
            raise NotFoundError("layer", name)
        return layers[name].answer(request)

    return router


def _profile(city: City) -> CityOut:
    return CityOut(
        key=city.key,
        name=Names(vi=city.name_vi, en=city.name_en),
        timezone=city.timezone,
        center=city.center,
        bbox=city.bbox,
        attribution=city.attribution,
        layers=sorted(city.layers),
        zones=[
            ZoneOut(code=z.code, name=Names(vi=z.name_vi, en=z.name_en), lat=z.lat, lon=z.lon)
            for z in city.zones
        ],
        metrics=[
            MetricOut(
                key=m.key,
                domain=str(m.domain),
                unit=m.unit,
                decimals=m.decimals,
                name=Names(vi=m.name_vi, en=m.name_en),
            )
            for m in METRICS.values()
        ],
    )
