"""The tide at a station: ten constituents with nodal factors.

``level(t) = z0 + Σ f·A·cos(V + u − g)``, with ``V`` from the mean longitudes of the moon
(``s``), the sun (``h``), the lunar perigee (``p``) and the lunar node (``N``), and the nodal
``f`` and ``u`` of Schureman (1958) to first order. Phases are Greenwich lags, time is UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from telemetry.city import City
from telemetry.errors import ConfigError

_J2000_S = 946_728_000.0
_CENTURY_S = 36_525 * 86_400.0
_HOUR_S = 3600.0
_CURE = "the tide needs it; take it from another city's profile"

Floats = NDArray[np.float64]


class _Constituent(NamedTuple):
    """What a constituent's argument is made of.

    ``V = hours·t + h·h + s·s + p·p + constant`` in degrees, ``t`` in UTC hours of the day;
    ``f = f0 + f1·cos N`` and ``u = u1·sin N`` in degrees.
    """

    hours: float
    h: int
    s: int
    p: int
    constant: float
    f0: float = 1.0
    f1: float = 0.0
    u1: float = 0.0


CONSTITUENTS = {
    "M2": _Constituent(30, 2, -2, 0, 0, 1.0, -0.037, -2.1),
    "S2": _Constituent(30, 0, 0, 0, 0),
    "N2": _Constituent(30, 2, -3, 1, 0, 1.0, -0.037, -2.1),
    "K2": _Constituent(30, 2, 0, 0, 0, 1.024, 0.286, -17.7),
    "K1": _Constituent(15, 1, 0, 0, 90, 1.006, 0.115, -8.9),
    "O1": _Constituent(15, 1, -2, 0, -90, 1.009, 0.187, 10.8),
    "P1": _Constituent(15, -1, 0, 0, -90),
    "Q1": _Constituent(15, 1, -3, 1, -90, 1.009, 0.187, 10.8),
    "SA": _Constituent(0, 1, 0, 0, 0),
    "SSA": _Constituent(0, 2, 0, 0, 0),
}


@dataclass(frozen=True, slots=True)
class Station:
    """A tide station.

    ``amplitude_m`` and ``phase_deg`` go by constituent; ``scale`` and ``lag_s`` make a
    station out of another one, upstream of it.
    """

    z0_m: float
    amplitude_m: dict[str, float]
    phase_deg: dict[str, float]
    scale: float = 1.0
    lag_s: float = 0.0


def stations(city: City) -> dict[str, Station]:
    """The stations of ``tide.toml``; `ConfigError` where there is none, or one is not whole."""
    table: Any = city.sim.get("tide", {}).get("station")
    if not isinstance(table, Mapping):
        raise ConfigError("tide.toml: station is missing", cure=_CURE)
    return {str(key): _station(table, str(key)) for key in table}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _station(tables: Mapping[str, Any], key: str) -> Station:
    table: Any = tables.get(key)
    if not isinstance(table, Mapping):
        raise ConfigError(f"tide.toml: station.{key} is missing", cure=_CURE)
    if "like" in table:
        base = _station(tables, str(table["like"]))  # pyright: ignore[reportUnknownArgumentType]
        scale, lag_h = _number(tables, key, "scale"), _number(tables, key, "lag_h")
        return Station(base.z0_m, base.amplitude_m, base.phase_deg, scale, lag_h * _HOUR_S)
    z0_m = _number(tables, key, "z0_m")
    amplitude, phase = (_angles(tables, key, name) for name in ("amplitude_m", "phase_deg"))
    if set(amplitude) != set(phase) or not set(amplitude) <= set(CONSTITUENTS):
        raise ConfigError(f"tide.toml: station {key}: constituents are {', '.join(CONSTITUENTS)}")
    return Station(z0_m, amplitude, phase)


def _angles(tables: Mapping[str, Any], key: str, name: str) -> dict[str, float]:
    found = tables[key].get(name)
    if not isinstance(found, Mapping):
        raise ConfigError(f"tide.toml: station.{key}.{name} is missing", cure=_CURE)
    return dict(found)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _number(tables: Mapping[str, Any], key: str, name: str) -> float:
    value = tables[key].get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"tide.toml: station.{key}.{name} is not a number", cure=_CURE)
    return float(value)


def level_m(station: Station, micros: NDArray[np.int64]) -> Floats:
    """The astronomical level at ``station``, metres in its datum, of the shape of ``micros``."""
    seconds = micros / 1e6 - station.lag_s
    hours = (seconds % 86_400.0) / _HOUR_S
    century = (seconds - _J2000_S) / _CENTURY_S
    s = 218.3164477 + 481_267.88123421 * century
    h = 280.46646 + 36_000.76983 * century
    p = 83.3532465 + 4_069.0137287 * century
    node = np.radians(125.04452 - 1_934.136261 * century)
    cosine, sine = np.cos(node), np.sin(node)
    total = np.zeros(seconds.shape)
    for name, amplitude in station.amplitude_m.items():
        c = CONSTITUENTS[name]
        angle = c.hours * hours + c.h * h + c.s * s + c.p * p + c.constant
        angle += c.u1 * sine - station.phase_deg[name]
        total += (c.f0 + c.f1 * cosine) * amplitude * np.cos(np.radians(angle))
    return station.z0_m + station.scale * total
