"""Limits on how fast a value may change."""

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
