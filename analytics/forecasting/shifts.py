"""Series of steps, earlier and later."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def later(values: Floats, by: int) -> Floats:
    """Each step's value ``by`` steps later; NaN beyond the end."""
    return np.concatenate((values[:, by:], np.full((len(values), by), np.nan)), axis=1)


def earlier(values: Floats, by: int, fill: float = np.nan) -> Floats:
    """Each step's value ``by`` steps earlier; ``fill`` before the beginning."""
    by = min(by, values.shape[1])
    return np.concatenate((np.full((len(values), by), fill), values[:, : values.shape[1] - by]), axis=1)


def steps_ahead(values: Floats, steps: int) -> Floats:
    """What came of each step's next ones, ``(k, T, steps)``."""
    return np.stack([later(values, step) for step in range(1, steps + 1)], axis=2)
