"""VN_AQI: the Vietnamese air quality index, from hourly means.

Source: Decision 1459/QĐ-TCMT of 12/11/2019 of the Vietnam Environment Administration.
Concentrations are in µg/m³; a missing one is NaN. The index is the largest sub-index,
rounded; it needs PM2.5 or PM10. Particles enter the hourly index by their NowCast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

NOWCAST_HOURS = 12
MOST = 500
"""The index goes no higher."""


class AirCategory(StrEnum):
    """The six categories, best first."""

    GOOD = "good"
    MODERATE = "moderate"
    POOR = "poor"
    BAD = "bad"
    VERY_BAD = "very_bad"
    HAZARDOUS = "hazardous"


INDEX_STEPS: Final = (0, 50, 100, 150, 200, 300, 400, 500)
_UPPER: Final = (50, 100, 150, 200, 300, MOST)

BREAKPOINTS: Final[Mapping[str, tuple[float, ...]]] = {
    "o3": (0, 160, 200, 300, 400, 800, 1_000, 1_200),
    "o3_8h": (0, 100, 120, 170, 210, 400),
    "co": (0, 10_000, 30_000, 45_000, 60_000, 90_000, 120_000, 150_000),
    "so2": (0, 125, 350, 550, 800, 1_600, 2_100, 2_630),
    "no2": (0, 100, 200, 700, 1_200, 2_350, 3_100, 3_850),
    "pm10": (0, 50, 150, 250, 350, 420, 500, 600),
    "pm2_5": (0, 25, 50, 80, 150, 250, 350, 500),
}
"""Concentrations at `INDEX_STEPS`; ``o3`` is the 1-hour mean. The 8-hour ozone has none above 400."""

PARTICLES: Final = ("pm2_5", "pm10")
GASES: Final = ("o3", "no2", "so2", "co")
POLLUTANTS: Final = (*PARTICLES, *GASES)
"""What enters the hourly index."""


class AirIndex(NamedTuple):
    """An index: its value, the pollutant that gave it, and every sub-index (rounded)."""

    value: int
    dominant: str
    parts: Mapping[str, int]

    @property
    def category(self) -> AirCategory:
        """The category of the value."""
        return category(self.value)


def sub_index(pollutant: str, concentration: float) -> float:
    """A pollutant's index, not rounded; NaN where it has none."""
    points = BREAKPOINTS[pollutant]
    if math.isnan(concentration) or (pollutant == "o3_8h" and concentration > points[-1]):
        return math.nan
    return float(np.interp(concentration, points, INDEX_STEPS[: len(points)]))


def nowcast(hours: Sequence[float] | NDArray[np.float64]) -> float:
    """The weighted mean of the last twelve hourly means, the newest first; NaN for a missing one.

    NaN where fewer than two of the newest three are there. At the least weight, one
    half, the sum is not divided by the weights: so the decision has it.
    """
    means = np.asarray(hours, np.float64)[:NOWCAST_HOURS]
    there = np.isfinite(means)
    if np.count_nonzero(there[:3]) < 2:
        return math.nan
    known = means[there]
    highest = float(known.max())
    weight = max(float(known.min()) / highest, 0.5) if highest > 0 else 1.0
    powers = weight ** np.arange(len(means))
    if weight > 0.5:
        return float((powers[there] * known).sum() / powers[there].sum())
    return float((0.5 * powers[there] * known).sum())


def hourly_index(hours: Mapping[str, Sequence[float] | NDArray[np.float64]]) -> AirIndex | None:
    """The index of the newest hour, from hourly means by pollutant, the newest first."""
    newest = {key: nowcast(hours[key]) for key in PARTICLES if key in hours}
    newest |= {key: float(hours[key][0]) for key in GASES if key in hours and len(hours[key])}
    return combine(newest)


def combine(concentrations: Mapping[str, float]) -> AirIndex | None:
    """The index of some concentrations (keys of `BREAKPOINTS`); ``None`` without particles."""
    found = {key: sub_index(key, value) for key, value in concentrations.items()}
    found = {key: value for key, value in found.items() if math.isfinite(value)}
    if not any(key in found for key in PARTICLES):
        return None
    dominant = max(found, key=found.__getitem__)
    parts = {key: _whole(value) for key, value in found.items()}
    return AirIndex(parts[dominant], dominant, parts)


def category(index: float) -> AirCategory:
    """The category of an index."""
    rank = next((place for place, upper in enumerate(_UPPER) if round(index) <= upper), len(_UPPER) - 1)
    return list(AirCategory)[rank]


def _whole(value: float) -> int:
    return math.floor(value + 0.5)
