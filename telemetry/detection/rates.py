"""Parameters of the rates detector: limits on how fast a value may change."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from telemetry.alerts import Severity
from telemetry.detection.selectors import Selector
from telemetry.metrics import METRICS

_Positive = Annotated[float, msgspec.Meta(gt=0)]


class RateLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric that must not change faster than ``per_h``, in its unit an hour.

    The rate is the slope of a line through the last ``over_s`` seconds. It ends below
    ``clear_per_h`` (hysteresis). A ``fall`` counts downwards. Limits of one ``family`` are
    steps of one condition. ``confidence`` is as for thresholds: K is a proposal of ours,
    never shown as official. ``select`` narrows it to some devices.
    """

    key: str
    family: str
    metric: str
    per_h: _Positive
    clear_per_h: _Positive
    name_vi: str
    name_en: str
    severity: Severity = Severity.MINOR
    over_s: _Positive = 600.0
    min_duration_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    direction: Literal["rise", "fall"] = "rise"
    select: tuple[Selector, ...] = ()
    source: str = "đề xuất / proposal"
    confidence: Literal["V", "D", "K"] = "K"

    def __post_init__(self) -> None:
        """Refuse what could never begin or never end."""
        if self.metric not in METRICS:
            raise ValueError(f"{self.key}: there is no metric {self.metric!r}")
        if self.clear_per_h > self.per_h:
            raise ValueError(f"{self.key}: clear_per_h lies beyond per_h")


_LEVEL_RISE = RateLimit(
    key="level-rise",
    family="level_rise",
    metric="water_level_m",
    per_h=1.0,
    clear_per_h=0.6,
    over_s=900.0,
    min_duration_s=120.0,
    name_vi="Mực nước dâng nhanh",
    name_en="Water rising fast",
)
"""The astronomical tide of the lower Saigon rises by 0.75 m an hour at most (the sum of its
constituents' steepest slopes); what rises faster is rain, a dam or a broken gate."""


class RatesParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which metrics must not change faster than what."""

    rates: tuple[RateLimit, ...] = (_LEVEL_RISE,)

    def __post_init__(self) -> None:
        """Refuse a key that stands twice."""
        keys = [rate.key for rate in self.rates]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"rates: {', '.join(twice)} stands twice")
