"""What a device that is not registered must be, by what it sends; and the device that is made of it. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from telemetry.city import City
from telemetry.codecs import Arrival
from telemetry.devices import DEVICE_ID, Device
from telemetry.errors import ConfigError, PayloadError
from telemetry.formats import Formats
from telemetry.metrics import CITY_DOMAINS, METRICS, Domain
from telemetry.payloads import Sample, decode
from telemetry.topics import TELEMETRY

SAMPLES = 60
"""Messages that a guess is made of, the newest."""

_USUAL_S = (
    1,
    2,
    5,
    10,
    15,
    20,
    30,
    60,
    120,
    300,
    600,
    900,
    1_200,
    1_800,
    3_600,
    7_200,
    21_600,
    43_200,
    86_400,
)
_NEAR = 0.2
"""An interval within a fifth of a usual one is that."""
_LIKE = 0.5
"""More of a device's metrics than this are also those of a device of its kind."""
_ANY_KIND = "sensor"
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that waits; ``received_at`` is microseconds since the epoch."""

    received_at: int
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Guess:
    """What messages say of their device.

    ``left_out`` are names of values that are no metric, or one of another domain than the
    device's. ``domain`` is ``None`` where nothing readable waits.
    """

    domain: Domain | None
    kind: str
    metrics: tuple[str, ...]
    interval_s: float
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person says of the device; ``None`` where the guess, or what is usual, will do."""

    domain: Domain | None = None
    kind: str | None = None
    name_vi: str | None = None
    name_en: str | None = None
    lat: float | None = None
    lon: float | None = None
    zone: str | None = None
    interval_s: float | None = None
    metrics: tuple[str, ...] | None = None


def guess(name: str, messages: Iterable[Heard], formats: Formats, peers: Sequence[Device]) -> Guess:
    """What a device is, by its waiting messages; its kind is that of the peers most like it."""
    times: list[int] = []
    seen: Counter[str] = Counter()
    told: Domain | None = None
    for heard in messages:
        try:
            domain, samples = _read(name, heard, formats)
        except PayloadError:
            continue
        told = domain or told
        for sample, names in samples:
            times.append(heard.received_at if sample.time is None else sample.time)
            seen.update(names)
    domain = told or _domain_of(seen)
    metrics = tuple(key for key in METRICS if key in seen and METRICS[key].domain in (domain, Domain.DEVICE))
    left_out = tuple(sorted(name[:64] for name in seen.keys() - set(metrics)))[:20]
    return Guess(domain, _kind(domain, metrics, peers), metrics, _interval(times, metrics), left_out)


def make_device(name: str, guessed: Guess, wish: Wish, city: City) -> Device:
    """The device as it is to be registered: as wished, else as guessed, else as is usual.

    Without a place it stands at the city's centre and has the tag ``position=assumed``.

    Raises
    ------
    ConfigError
        Naming what is missing or wrong.
    """
    domain = wish.domain or guessed.domain
    if DEVICE_ID.fullmatch(name) is None:
        raise ConfigError(f"{name[:80]!r} is no device id", cure="let the device publish under a safe name")
    if domain is None:
        raise ConfigError(f"nothing says which domain {name!r} is of", cure="say domain and metrics")
    if domain not in CITY_DOMAINS:
        raise ConfigError(f"{domain} has no devices", cure=f"one of {', '.join(CITY_DOMAINS)}")
    lat, lon, tags = _place(wish, city)
    device = Device(
        device_id=name,
        domain=domain,
        kind=wish.kind or guessed.kind,
        name_vi=_name(wish.name_vi or wish.name_en or name),
        name_en=_name(wish.name_en or wish.name_vi or name),
        lat=lat,
        lon=lon,
        zone=_zone(wish.zone, lat, lon, city),
        interval_s=guessed.interval_s if wish.interval_s is None else wish.interval_s,
        metrics=guessed.metrics if wish.metrics is None else wish.metrics,
        tags=tags,
    )
    _check(device)
    return device


def _read(
    name: str, heard: Heard, formats: Formats
) -> tuple[Domain | None, list[tuple[Sample, frozenset[str]]]]:
    route = formats.route(heard.topic)
    if route.city is not None:
        readings = decode(heard.payload) if route.city.leaf == TELEMETRY else []
        return route.city.domain, [(sample, frozenset(sample.values)) for sample in readings]
    assert route.codec is not None
    arrival = Arrival(heard.topic, route.device_id, heard.received_at)
    samples = route.codec.decode(heard.payload, arrival)
    own = [sample for sample in samples if sample.device_id == name and not sample.status]
    return None, [(sample, frozenset((*sample.values, *sample.incidental))) for sample in own]


def _domain_of(seen: Counter[str]) -> Domain | None:
    counts = Counter(
        {domain: sum(n for key, n in seen.items() if _of(key) is domain) for domain in CITY_DOMAINS}
    )
    ((domain, n),) = counts.most_common(1)
    return domain if n else None


def _of(metric: str) -> Domain | None:
    known = METRICS.get(metric)
    return None if known is None else known.domain


def _kind(domain: Domain | None, metrics: Sequence[str], peers: Sequence[Device]) -> str:
    own = {key for key in metrics if _of(key) is not Domain.DEVICE}
    best, kind = (_LIKE, 1.0), _ANY_KIND
    for peer in peers:
        theirs = {key for key in peer.metrics if _of(key) is not Domain.DEVICE}
        shared = len(own & theirs)
        likeness = shared / max(1, len(own)), shared / max(1, len(theirs))
        if peer.domain is domain and likeness > best:
            best, kind = likeness, peer.kind
    return kind


def _interval(times: Sequence[int], metrics: Sequence[str]) -> float:
    steps = [(b - a) / 1e6 for a, b in pairwise(sorted(set(times)))]
    if len(steps) < 2:
        own = [METRICS[key].interval_s for key in metrics if METRICS[key].domain is not Domain.DEVICE]
        return min(own, default=60.0)
    step = min(max(median(steps), _USUAL_S[0]), _USUAL_S[-1])
    near = min(_USUAL_S, key=lambda usual: abs(math.log(usual / step)))
    return float(near) if abs(near - step) <= _NEAR * near else float(round(step))


def _place(wish: Wish, city: City) -> tuple[float, float, dict[str, str]]:
    if (wish.lat is None) != (wish.lon is None):
        raise ConfigError("a place is a latitude and a longitude", cure="give both, or neither")
    if wish.lat is None or wish.lon is None:
        return *city.center, {"position": "assumed"}
    if not (-90 <= wish.lat <= 90 and -180 <= wish.lon <= 180):
        raise ConfigError(f"{wish.lat}, {wish.lon} is no place", cure="latitude first, then longitude")
    return wish.lat, wish.lon, {}


def _zone(wished: str | None, lat: float, lon: float, city: City) -> str:
    codes = {zone.code for zone in city.zones}
    if wished is not None and wished not in codes:
        raise ConfigError(f"no zone {wished!r} in {city.key}", cure=f"one of {', '.join(sorted(codes))}")
    if wished is not None or not city.zones:
        return wished or ""
    width = math.cos(math.radians(lat))
    return min(city.zones, key=lambda zone: math.hypot(zone.lat - lat, (zone.lon - lon) * width)).code


def _name(name: str) -> str:
    if not name.isprintable() or len(name) > _LONGEST_NAME:
        raise ConfigError(
            f"{name[:40]!r} cannot be a name", cure=f"at most {_LONGEST_NAME} printable characters"
        )
    return name


def _check(device: Device) -> None:
    for metric in _wrong(device):
        raise ConfigError(
            f"metric {metric[:64]!r} is not one of {device.domain}", cure="see docs/mqtt.md for the metrics"
        )
    if not device.metrics:
        raise ConfigError(f"no metric of {device.device_id!r} is known", cure="say which metrics it reports")
    if not (math.isfinite(device.interval_s) and 0 < device.interval_s <= 31 * _USUAL_S[-1]):
        raise ConfigError(f"an interval of {device.interval_s} s", cure="above 0 s, at most 31 days")
    if not device.kind.isprintable() or len(device.kind) > 64:
        raise ConfigError(f"{device.kind[:40]!r} cannot be a kind", cure="at most 64 printable characters")


def _wrong(device: Device) -> Iterator[str]:
    return (key for key in device.metrics if _of(key) not in (device.domain, Domain.DEVICE))
