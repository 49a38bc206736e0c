"""Reading the simulator's tables out of a city profile, with errors that name the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from telemetry.city import City
from telemetry.errors import ConfigError

Floats = NDArray[np.float64]


def entry(city: City, *path: str) -> Any:
    """Whatever stands at ``path``: the file's stem, then keys."""
    found: Any = city.sim
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            raise ConfigError(
                f"{path[0]}.toml: {'.'.join(path[1:]) or 'the file'} is missing",
                cure="the simulator needs it; take it from another city's profile",
            )
        found = found[key]  # pyright: ignore[reportUnknownVariableType]
    return found  # pyright: ignore[reportUnknownVariableType]


def number(city: City, *path: str) -> float:
    """One number."""
    value = entry(city, *path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{path[0]}.toml: {'.'.join(path[1:])} is not a number")
    return float(value)


def numbers(city: City, *path: str, length: int | None = None) -> Floats:
    """A list of numbers, shape ``(length,)``."""
    try:
        values = np.asarray(entry(city, *path), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path[0]}.toml: {'.'.join(path[1:])} is not a list of numbers") from error
    if values.ndim != 1 or not len(values) or (length is not None and len(values) != length):
        raise ConfigError(f"{path[0]}.toml: {'.'.join(path[1:])} is not a list of {length or 'some'} numbers")
    return values


def span(city: City, *path: str) -> tuple[float, float]:
    """A pair of numbers, from the lower to the higher."""
    low, high = numbers(city, *path, length=2)
    return float(low), float(high)
