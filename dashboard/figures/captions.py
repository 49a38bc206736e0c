"""What a chart shows, in a sentence: for those who do not see it, and as its caption."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from dashboard.languages import Language


def course(
    name: str,
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    unit: str,
    decimals: int,
    language: Language,
) -> str:
    """Lowest, highest and newest of a line; ``times`` in µs, both of shape ``(n,)``."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known) == 0:
        return language.t("{name}: no readings in this time.", name=name)
    low, high = known[np.argmin(values[known])], known[np.argmax(values[known])]
    return language.t(
        "{name}: lowest {low} at {low_at}, highest {high} at {high_at}, newest {newest}.",
        name=name,
        low=language.quantity(float(values[low]), decimals, unit),
        low_at=moment(int(times[low]), language),
        high=language.quantity(float(values[high]), decimals, unit),
        high_at=moment(int(times[high]), language),
        newest=language.quantity(float(values[known[-1]]), decimals, unit),
    )


def moment(micros: int, language: Language) -> str:
    """A time in µs as hour and day."""
    return language.day_time(datetime.fromtimestamp(micros / 1e6, UTC))
