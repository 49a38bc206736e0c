"""A city profile: what a folder ``cities/<key>/`` says, as types.

The folder holds ``city.toml``, ``zones.csv``, ``devices.csv``, ``thresholds.toml``,
``detectors.toml``, ``layers/<name>.geojson`` and one ``<table>.toml`` per simulator table. Reading the
files is `launch.config`'s work; `parse_city` only sees their bytes.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from telemetry.alerts import Severity
from telemetry.detection.configuration import DEFAULT, Configuration, decode_configuration
from telemetry.devices import DEVICE_ID, Device
from telemetry.errors import ConfigError
from telemetry.metrics import CITY_DOMAINS, METRICS, Domain

CITY_FILE = "city.toml"
ZONES_FILE = "zones.csv"
DEVICES_FILE = "devices.csv"
THRESHOLDS_FILE = "thresholds.toml"
DETECTORS_FILE = "detectors.toml"
LAYERS_FOLDER = "layers/"
_OWN_TABLES = (CITY_FILE, THRESHOLDS_FILE, DETECTORS_FILE)
REQUIRED = (CITY_FILE, ZONES_FILE, DEVICES_FILE, THRESHOLDS_FILE)

Confidence = Literal["V", "D", "K"]
"""V read in an opened source, D derived from such, K from general knowledge and
unverified: to be configured, never shown as official."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the city that readings are grouped by (here: a former district)."""

    code: str
    name_vi: str
    name_en: str
    lat: float
    lon: float
    area_km2: float = 0.0
    population: int = 0
    confidence: Confidence = "K"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit on a metric and what it means to pass it.

    ``limit`` and ``clear`` (where the condition ends; hysteresis) are in the metric's
    unit. ``averaging_s`` 0 means the instant value, else the trailing mean over that
    time. Empty ``kind`` and ``devices`` mean any; every pair of ``tags`` must match.
    Thresholds of one ``family`` are steps of one ladder: a stream has one alert for
    it, at the worst step reached.
    """

    key: str
    family: str
    metric: str
    direction: Literal["high", "low"]
    severity: Severity
    limit: float
    clear: float
    min_duration_s: float
    source: str
    confidence: Confidence
    name_vi: str
    name_en: str
    kind: str = ""
    averaging_s: float = 0.0
    devices: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    def applies_to(self, device: Device, metric: str) -> bool:
        """Whether this threshold watches ``metric`` of ``device``."""
        return (
            metric == self.metric
            and self.kind in ("", device.kind)
            and (not self.devices or device.device_id in self.devices)
            and all(device.tags.get(name) == value for name, value in self.tags.items())
        )


@dataclass(frozen=True, slots=True)
class AlarmLevels:
    """The legal alarm levels of a gauge.

    ``levels_m`` runs from the mildest to the worst (``bd1`` … ``bd3``), metres in the
    gauge's datum; a level nobody published is absent.
    """

    device_id: str
    levels_m: Mapping[str, float]
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class City:
    """Everything CityOps knows of a city before the first message.

    ``center`` is (lat, lon); ``bbox`` (lon_min, lat_min, lon_max, lat_max) is the first
    view. ``layers`` are GeoJSON texts, ready to serve; ``sim`` the simulator's tables by
    file stem; ``alarm_levels`` goes by device id.
    """

    key: str
    name_vi: str
    name_en: str
    timezone: str
    center: tuple[float, float]
    bbox: tuple[float, float, float, float]
    attribution: str
    zones: tuple[Zone, ...]
    devices: tuple[Device, ...]
    thresholds: tuple[Threshold, ...]
    alarm_levels: Mapping[str, AlarmLevels]
    layers: Mapping[str, bytes]
    sim: Mapping[str, Any]
    detection: Configuration = DEFAULT
    """The detectors to begin with; without ``detectors.toml``, every kind everywhere."""


@dataclass(frozen=True, slots=True)
class _Header:
    """``city.toml``."""

    key: str
    name_vi: str
    name_en: str
    timezone: str
    center: tuple[float, float]
    bbox: tuple[float, float, float, float]
    attribution: str
    gauge: tuple[AlarmLevels, ...] = ()


def parse_city(files: Mapping[str, bytes]) -> City:
    """A city from its files, by path inside the profile's folder.

    Raises
    ------
    ConfigError
        Naming the file, and the row or key that is wrong.
    """
    for name in REQUIRED:
        if name not in files:
            raise ConfigError(
                f"city profile: {name} is missing", cure="copy it from another city and change it"
            )
    header = _header(files[CITY_FILE])
    zones = _unique(ZONES_FILE, _zones(files[ZONES_FILE]), lambda zone: zone.code)
    codes = frozenset(zone.code for zone in zones)
    devices = _unique(DEVICES_FILE, _devices(files[DEVICES_FILE], codes), lambda item: item.device_id)
    ids = frozenset(device.device_id for device in devices)
    for gauge in header.gauge:
        _require(gauge.device_id in ids, CITY_FILE, f"gauge: no device {gauge.device_id!r}")
    return City(
        key=header.key,
        name_vi=header.name_vi,
        name_en=header.name_en,
        timezone=header.timezone,
        center=header.center,
        bbox=header.bbox,
        attribution=header.attribution,
        zones=zones,
        devices=devices,
        thresholds=_unique(THRESHOLDS_FILE, _thresholds(files[THRESHOLDS_FILE], ids), lambda item: item.key),
        alarm_levels={gauge.device_id: gauge for gauge in header.gauge},
        layers=_layers(files),
        sim=_sim_tables(files),
        detection=_detection(files, devices, codes),
    )


def _header(content: bytes) -> _Header:
    document = _toml(CITY_FILE, content)
    for row in document.get("gauge", ()):
        _known_keys(CITY_FILE, "gauge", row, AlarmLevels)
    header = _convert(CITY_FILE, "", document, _Header)
    try:
        ZoneInfo(header.timezone)
    except (KeyError, OSError, ValueError) as error:
        raise ConfigError(f"{CITY_FILE}: timezone {header.timezone!r} is not known") from error
    west, south, east, north = header.bbox
    _require(-180 <= west < east <= 180 and -90 <= south < north <= 90, CITY_FILE, "bbox is not a box")
    _check_point(CITY_FILE, "center", *header.center)
    for gauge in header.gauge:
        steps = list(gauge.levels_m.values())
        _require(steps == sorted(steps), CITY_FILE, f"gauge {gauge.device_id}: levels_m do not rise")
    return header


def _zones(content: bytes) -> Iterator[Zone]:
    for where, row in _rows(ZONES_FILE, content, tuple(item.name for item in fields(Zone))):
        zone = _convert(ZONES_FILE, where, row, Zone, strict=False)
        _check_point(ZONES_FILE, where, zone.lat, zone.lon)
        yield zone


_DEVICE_COLUMNS = tuple(item.name for item in fields(Device))


def _devices(content: bytes, zones: frozenset[str]) -> Iterator[Device]:
    for where, row in _rows(DEVICES_FILE, content, _DEVICE_COLUMNS):
        document: dict[str, Any] = dict(row)
        document["metrics"] = row["metrics"].split()
        document["tags"] = _tags(where, row["tags"])
        device = _convert(DEVICES_FILE, where, document, Device, strict=False)
        _check_device(where, device, zones)
        yield device


def _check_device(where: str, device: Device, zones: frozenset[str]) -> None:
    _require(
        DEVICE_ID.fullmatch(device.device_id) is not None, DEVICES_FILE, f"{where}: device_id is not safe"
    )
    _require(device.domain in CITY_DOMAINS, DEVICES_FILE, f"{where}: domain {device.domain} has no devices")
    _require(device.zone in zones, DEVICES_FILE, f"{where}: zone {device.zone!r} is not in {ZONES_FILE}")
    _require(device.interval_s > 0, DEVICES_FILE, f"{where}: interval_s must be above 0")
    _require(bool(device.metrics), DEVICES_FILE, f"{where}: metrics is empty")
    for key in device.metrics:
        metric = METRICS.get(key)
        fits = metric is not None and metric.domain in (device.domain, Domain.DEVICE)
        _require(fits, DEVICES_FILE, f"{where}: metric {key!r} is not one of {device.domain}")
    _check_point(DEVICES_FILE, where, device.lat, device.lon)


def _tags(where: str, text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    for pair in filter(None, text.split(";")):
        name, equals, value = pair.partition("=")
        _require(bool(name and equals), DEVICES_FILE, f"{where}: tag {pair!r} is not name=value")
        tags[name] = value
    return tags


def _thresholds(content: bytes, ids: frozenset[str]) -> Iterator[Threshold]:
    document = _toml(THRESHOLDS_FILE, content)
    _require(set(document) == {"threshold"}, THRESHOLDS_FILE, "only [[threshold]] tables are known here")
    for row in document["threshold"]:
        where = str(row.get("key", "?"))
        threshold = _convert(THRESHOLDS_FILE, where, row, Threshold)
        _require(threshold.metric in METRICS, THRESHOLDS_FILE, f"{where}: no metric {threshold.metric!r}")
        unknown = sorted(set(threshold.devices) - ids)
        _require(not unknown, THRESHOLDS_FILE, f"{where}: no device {', '.join(unknown)}")
        slack = (threshold.limit - threshold.clear) * (1 if threshold.direction == "high" else -1)
        _require(slack >= 0, THRESHOLDS_FILE, f"{where}: clear lies beyond limit")
        lengths = (threshold.min_duration_s, threshold.averaging_s)
        _require(min(lengths) >= 0, THRESHOLDS_FILE, f"{where}: durations must not be negative")
        yield threshold


def _detection(
    files: Mapping[str, bytes], devices: tuple[Device, ...], zones: frozenset[str]
) -> Configuration:
    if DETECTORS_FILE not in files:
        return DEFAULT
    try:
        configuration = decode_configuration(files[DETECTORS_FILE])
        configuration.check(zones, {tag for device in devices for tag in device.tags})
    except ConfigError as error:
        raise ConfigError(f"{DETECTORS_FILE}: {error.message}", cure="mend the file") from error
    return configuration


def _layers(files: Mapping[str, bytes]) -> dict[str, bytes]:
    layers: dict[str, bytes] = {}
    for path, content in sorted(files.items()):
        if not (path.startswith(LAYERS_FOLDER) and path.endswith(".geojson")):
            continue
        try:
            document = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: {error}") from error
        _require(document.get("type") == msgspec.Raw(b'"FeatureCollection"'), path, "not a FeatureCollection")
        layers[path.removeprefix(LAYERS_FOLDER).removesuffix(".geojson")] = content
    return layers


def _sim_tables(files: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        path.removesuffix(".toml"): _toml(path, content)
        for path, content in sorted(files.items())
        if path.endswith(".toml") and "/" not in path and path not in _OWN_TABLES
    }


def _toml(file: str, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}", cure="mend the file") from error


def _rows(file: str, content: bytes, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with what to call it in an error; `ConfigError` on other columns."""
    try:
        reader = csv.DictReader(io.StringIO(content.decode()))
        found = tuple(reader.fieldnames or ())
        _require(found == columns, file, f"columns are {', '.join(found)}, expected {', '.join(columns)}")
        for row in reader:
            where = f"line {reader.line_num}"
            whole = None not in row and None not in row.values()
            _require(whole, file, f"{where}: not {len(columns)} columns")
            yield where, row
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}", cure="mend the file") from error


def _convert(
    file: str, where: str, document: Mapping[str, Any], into: type[_T], *, strict: bool = True
) -> _T:
    _known_keys(file, where, document, into)
    try:
        return msgspec.convert(dict(document), into, strict=strict)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {where}{': ' if where else ''}{error}", cure="mend the file") from error


def _known_keys(file: str, where: str, document: Mapping[str, Any], into: Any) -> None:
    unknown = sorted(set(document) - {item.name for item in fields(into)})
    _require(not unknown, file, f"{where}{': ' if where else ''}unknown key {', '.join(unknown)}")


def _unique(file: str, items: Iterator[_T], key: Callable[[_T], str]) -> tuple[_T, ...]:
    found: dict[str, _T] = {}
    for item in items:
        _require(key(item) not in found, file, f"{key(item)!r} stands twice")
        found[key(item)] = item
    return tuple(found.values())


def _check_point(file: str, where: str, lat: float, lon: float) -> None:
    _require(-90 <= lat <= 90 and -180 <= lon <= 180, file, f"{where}: {lat}, {lon} is not lat, lon")


def _require(holds: bool, file: str, message: str) -> None:
    if not holds:
        raise ConfigError(f"{file}: {message}", cure="mend the file")
