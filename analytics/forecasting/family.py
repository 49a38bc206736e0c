"""Families of streams that are forecast alike, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from analytics.times import SECOND

STEP_US = 900 * SECOND
"""A step ahead, and a bucket of what is recent: a quarter of an hour."""

STEPS_AN_HOUR = 4
BEFORE = (1, STEPS_AN_HOUR, 3 * STEPS_AN_HOUR)
"""How many steps back the residual is compared with: its trend over a quarter, one hour and three."""


class Base(StrEnum):
    """What is expected of a stream before anything recent is known."""

    TIDE = "tide"
    """The astronomical tide at the station that the device's tag ``tide`` names; without one, the
    stream's median at all hours: rain keeps none."""
    SEASON = "season"
    """The stream's usual half hour of a working day or a weekend."""
    CLOCK = "clock"
    """The usual half hour of all days, beside what the whole day around it was like: the clock
    says less of dust than the weather of the day does."""


@dataclass(frozen=True, slots=True)
class Family:
    """How a metric is forecast.

    ``log`` forecasts the logarithm, for what is multiplied rather than added up; errors are then
    shares of what was forecast. ``rain``:
    rain nearby matters. ``least_spread`` is the least robust error of a forecast in the
    metric's unit, about what an instrument repeats to; ``least_scale`` the least unit of residuals
    on the scale that is forecast on, lest a calm week make the next one's weather incredible.
    Residuals farther than
    ``clip`` robust spreads out count as that far (infinite: as they are). ``shared``: streams of
    one city err together, since they share the weather; how many days were seen counts then,
    not how many readings.
    """

    base: Base
    log: bool
    rain: bool
    least_spread: float
    least_scale: float
    clip: float
    shared: bool


_LEVEL = Family(
    Base.TIDE, log=False, rain=True, least_spread=0.005, least_scale=0.02, clip=float("inf"), shared=True
)
_LOAD = Family(Base.SEASON, log=True, rain=False, least_spread=0.5, least_scale=0.04, clip=6.0, shared=False)
_AIR = Family(Base.CLOCK, log=True, rain=True, least_spread=0.5, least_scale=0.15, clip=3.0, shared=True)

FAMILIES: dict[str, Family] = {
    "water_level_m": _LEVEL,
    "current_a": _LOAD,
    "active_power_kw": _LOAD,
    "pm2_5": _AIR,
    "pm10": _AIR,
}
"""By metric. Water levels follow the tide and rain; load keeps the hours of people; dust keeps
them too, times how still the air is and what rain has left of it."""
