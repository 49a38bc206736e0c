"""Finding a device, a street, a canal or a ward by its name, with or without its accents. Pure."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from telemetry.city import City
from telemetry.devices import Device

PlaceKind = Literal["device", "street", "water", "ward", "district"]

_LAYERS: Final[dict[str, PlaceKind]] = {
    "roads": "street",
    "rivers": "water",
    "canals": "water",
    "wards": "ward",
    "districts": "district",
}
_ORDER: Final = ("street", "district", "ward", "water", "device")
"""What comes first among equally good finds: the few before the many."""
_CORNERS: Final = 48
_DEGREE_M: Final = 111_320.0


@dataclass(frozen=True, slots=True)
class Place:
    """Something with a name. ``within`` says where it is, ``geometry`` is GeoJSON, none for a device."""

    kind: PlaceKind
    key: str
    name_vi: str
    name_en: str
    within_vi: str
    within_en: str
    lat: float
    lon: float
    geometry: dict[str, Any] | None
    words: str
    """Everything it can be found by, folded: a word begins after a blank, a name after two."""


def fold(text: str) -> str:
    """Lower case without accents: ``Phú An`` → ``phu an``; what is no letter or digit parts words."""
    bare = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    kept = (c if c.isalnum() else " " for c in bare if not unicodedata.combining(c))
    return " ".join("".join(kept).split())


def find(places: Iterable[Place], query: str, limit: int) -> list[Place]:
    """The places that have every word of the query at the start of one of theirs, the closest first."""
    asked = fold(query)
    words = asked.split()
    if not words:
        return []
    found = [place for place in places if all(f" {word}" in place.words for word in words)]
    found.sort(key=lambda place: (_distance(place, asked), _ORDER.index(place.kind), len(place.name_vi)))
    return found[:limit]


def city_places(city: City) -> list[Place]:
    """The streets, waters, wards and districts of the city's layers."""
    found: dict[tuple[str, str], Place] = {}
    for layer, kind in _LAYERS.items():
        document: Any = msgspec.json.decode(city.layers.get(layer, b'{"features":[]}'))
        for feature in document["features"]:
            place = _from_feature(kind, feature)
            if place is not None:
                found.setdefault((kind, place.key), place)
    return list(found.values())


def device_places(city: City, devices: Sequence[Device]) -> list[Place]:
    """The devices."""
    zones = {zone.code: (zone.name_vi, zone.name_en) for zone in city.zones}
    return [
        _place(
            "device",
            device.device_id,
            (device.name_vi, device.name_en),
            zones.get(device.zone, ("", "")),
            (device.lat, device.lon),
            None,
        )
        for device in devices
    ]


def _distance(place: Place, asked: str) -> int:
    """0 for a name that begins with what was asked, 1 where a word of it does, 2 for scattered words."""
    if f"  {asked}" in place.words:
        return 0
    return 1 if f" {asked}" in place.words else 2


def _from_feature(kind: PlaceKind, feature: dict[str, Any]) -> Place | None:
    facts, shape = feature["properties"], feature["geometry"]
    names = facts.get("name_vi"), facts.get("name_en")
    if not all(names):
        return None
    within = str(facts.get("former_unit", ""))
    corners = [(float(x), float(y)) for x, y, *_ in _corners(shape["coordinates"])]
    if shape["type"] == "Point":
        lon, lat = corners[0]
        # Of a ward the profile has the middle and the size alone: a circle as large stands for it.
        shape = _circle(lon, lat, float(facts.get("area_km2", 0.0)))
    elif "Polygon" in shape["type"]:
        west, east = min(x for x, _ in corners), max(x for x, _ in corners)
        south, north = min(y for _, y in corners), max(y for _, y in corners)
        lon, lat = (west + east) / 2, (south + north) / 2
    else:
        lon, lat = corners[len(corners) // 2]
    key = str(facts.get("key") or facts.get("code") or names[0])
    return _place(kind, key, (str(names[0]), str(names[1])), (within, within), (lat, lon), shape)


def _place(
    kind: PlaceKind,
    key: str,
    names: tuple[str, str],
    within: tuple[str, str],
    at: tuple[float, float],
    geometry: dict[str, Any] | None,
) -> Place:
    words = "".join(f"  {fold(text)} " for text in (*names, key))
    return Place(kind, key, *names, *within, *at, geometry, words)


def _corners(coordinates: Any) -> Iterable[Sequence[float]]:
    if isinstance(coordinates[0], (int, float)):
        yield coordinates
        return
    for part in coordinates:
        yield from _corners(part)


def _circle(lon: float, lat: float, area_km2: float) -> dict[str, Any]:
    radius = math.sqrt(max(area_km2, 0.2) * 1e6 / math.pi) / _DEGREE_M
    east = radius / math.cos(math.radians(lat))
    turns = [2 * math.pi * step / _CORNERS for step in range(_CORNERS + 1)]
    ring = [[lon + east * math.cos(turn), lat + radius * math.sin(turn)] for turn in turns]
    return {"type": "Polygon", "coordinates": [ring]}
