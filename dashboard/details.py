"""What stands in a finding's detail, taken with care.

A detector wrote it, maybe an old one or one of another version, about what devices sent:
nothing in it need be there, of its type, or of a sane size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_LAST_MS = 4.1e12
"""2099: what is later in a detail is no time."""
_MOST = 200
_LONGEST = 80
_LARGEST = 1e15


def real(value: object) -> float | None:
    """A finite number of a size that can be shown, where it is one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) <= _LARGEST else None  # a comparison with NaN is false


def reals(column: object, most: int = _MOST, *, holes: bool = False) -> list[float]:
    """A list of numbers, with ``holes`` NaN for none; empty where it is no such list, or longer."""
    values: list[Any] = column if isinstance(column, list) else []  # pyright: ignore[reportUnknownVariableType]
    if len(values) > most:
        return []
    found = [math.nan if value is None and holes else real(value) for value in values]
    return [] if None in found else [value for value in found if value is not None]


def text(value: object) -> str:
    """A short text; empty where it is none."""
    return value[:_LONGEST] if isinstance(value, str) else ""


def instant(millis: object) -> datetime | None:
    """A time written in epoch milliseconds."""
    number = real(millis)
    return (
        None if number is None or not 0 <= number < _LAST_MS else datetime.fromtimestamp(number / 1000, UTC)
    )


def rows(value: object, most: int) -> list[Mapping[str, Any]]:
    """The first ``most`` tables of a list of tables; what is something else is left out."""
    values: list[Any] = value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]
    return [row for row in values[:most] if isinstance(row, dict)]


def texts(value: object, most: int) -> list[str]:
    """The first ``most`` texts of a list."""
    values: list[Any] = value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]
    return [found for found in map(text, values[:most]) if found]
