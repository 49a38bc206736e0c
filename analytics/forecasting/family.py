"""Families of streams that are forecast alike, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from analytics.times import SECOND

STEP_US = 900 * SECOND
"""A step ahead, and a bucket of what is recent: a quarter of an hour."""

STEPS_AN_HOUR = 4
BEFORE = (STEPS_AN_HOUR, 3 * STEPS_AN_HOUR)
"""How many steps back the residual is compared with: its trend over one hour and over three."""


class Base(StrEnum):
    """What is expected of a stream before anything recent is known."""

    TIDE = "tide"
    """The astronomical tide at the station that the device's tag ``tide`` names; without one, the
    stream's median at all hours: rain keeps none."""
    SEASON = "season"
    """The stream's usual half hour of a working day or a weekend."""


@dataclass(frozen=True, slots=True)
class Family:
    """How a metric is forecast.

    ``log`` forecasts the logarithm, for what is multiplied rather than added up. ``rain``:
    rain nearby matters. ``least_spread`` is the least robust error of a forecast in the
    metric's unit, about what an instrument repeats to. Residuals farther than
    ``clip`` robust spreads out count as that far (infinite: as they are).
    """

    base: Base
    log: bool
    rain: bool
    least_spread: float
    clip: float


_LEVEL = Family(Base.TIDE, log=False, rain=True, least_spread=0.005, clip=float("inf"))
_AIR = Family(Base.SEASON, log=True, rain=False, least_spread=0.5, clip=6.0)

FAMILIES: dict[str, Family] = {
    "water_level_m": _LEVEL,
    "current_a": Family(Base.SEASON, log=False, rain=False, least_spread=0.5, clip=6.0),
    "active_power_kw": Family(Base.SEASON, log=False, rain=False, least_spread=0.5, clip=6.0),
    "pm2_5": _AIR,
    "pm10": _AIR,
}
"""By metric. Water levels follow the tide and rain; load keeps the hours of people; dust keeps
them too, times how still the air is."""
