"""Levels: from which score on, and for how long, a condition is how severe."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from telemetry.alerts import Severity
from telemetry.detection.params import NotNegative, Positive


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A severity, the score it begins at and for how long that has to last."""

    severity: Severity
    score: Positive
    min_duration_s: NotNegative = 0.0


def check_levels(levels: Sequence[Level], clear: float) -> None:
    """Whether each severity stands once and above the score that ends it; `ValueError` otherwise."""
    if len({level.severity for level in levels}) < len(levels):
        raise ValueError("a severity stands twice in levels")
    lowest = min(level.score for level in levels)
    if clear > lowest:
        raise ValueError(f"clear {clear:g} is above the lowest level, {lowest:g}")
