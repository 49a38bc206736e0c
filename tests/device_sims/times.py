"""Instants for tests, written in local time (UTC+7)."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray


def second(text: str) -> float:
    """Seconds since the epoch of a local time."""
    return datetime.fromisoformat(text + "+07:00").timestamp()


def every(text: str, hours: float, step_s: float) -> NDArray[np.int64]:
    """Microseconds from a local time on."""
    return np.arange(second(text) * 1e6, (second(text) + hours * 3600) * 1e6, step_s * 1e6).astype(np.int64)
