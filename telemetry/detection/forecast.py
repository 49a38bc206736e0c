"""Parameters of the forecasts and their early warnings."""

from __future__ import annotations

from typing import Annotated

import msgspec

from telemetry.alerts import Severity

_Chance = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class ForecastParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a crossing that has not happened yet is worth a warning.

    The forecast goes ``horizon_min`` ahead in steps of 15 minutes and is made at most every
    ``every_s`` seconds of a stream's own time. A warning begins when the chance of a crossing
    within ``within_min`` has been at least ``warn_at`` for ``min_duration_s``, and ends when it
    has been below ``clear_at`` for ``hold_s``, or with the crossing itself. It is told again
    with a fresh picture every ``refresh_s``. Thresholds milder than ``least_severity`` are not
    warned of; a warning is as bad as its threshold. Streams learn from at least
    ``least_history_h`` hours.
    """

    horizon_min: Annotated[int, msgspec.Meta(ge=15, le=720, multiple_of=15)] = 360
    within_min: Annotated[int, msgspec.Meta(ge=15, le=720)] = 360
    every_s: Annotated[float, msgspec.Meta(ge=60, le=3600)] = 300.0
    warn_at: _Chance = 0.8
    clear_at: _Chance = 0.4
    min_duration_s: Annotated[float, msgspec.Meta(ge=0)] = 600.0
    hold_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    refresh_s: Annotated[float, msgspec.Meta(ge=60)] = 900.0
    least_severity: Severity = Severity.MINOR
    least_history_h: Annotated[float, msgspec.Meta(ge=24)] = 48.0

    def __post_init__(self) -> None:
        """Refuse levels without a gap between them."""
        if self.clear_at >= self.warn_at:
            raise ValueError("clear_at must lie below warn_at")
