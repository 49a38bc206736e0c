"""Detectors: each scores every stream at once. `DETECTORS` is all of them."""

from __future__ import annotations

from collections.abc import Callable

from analytics.detectors.base import Detector
from analytics.detectors.limits import Limits
from analytics.detectors.seasonal import Seasonal
from analytics.detectors.silence import Silence
from analytics.detectors.stuck import Stuck
from telemetry.city import City

DETECTORS: dict[str, Callable[[City], Detector]] = {
    "limits": lambda city: Limits(city.thresholds),
    "seasonal": lambda city: Seasonal(city.timezone),
    "silence": lambda _: Silence(),
    "stuck": lambda _: Stuck(),
}
"""How each detector is made for a city, by name, in the order they score."""

__all__ = ["DETECTORS", "Detector"]
