"""Parameters of the onset detector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from telemetry.detection.params import NotNegative, Positive, Share

LEAST_NEWS: Mapping[str, float] = {"water_level_m": 0.05}
"""What instruments say of nothing, in the metric's unit: a street gauge that has read within
millimetres of zero for weeks finds each further millimetre of a wet kerb novel."""


class OnsetParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When something just changed, and how loudly that is said.

    Scores lie in [0, 1]. ``minor_at`` and ``major_at`` are the scores at which severities
    begin. A stream speaks from ``warm_readings`` on. After a score, lesser ones are not
    told for ``quiet_readings``. What was not seen for ``memory_days`` is novel again.

    ``value``, ``residual``, ``shock`` and ``season`` weigh the terms: the value itself;
    its distance from the level of the last dozen readings; the same in units of its
    usual size; and its distance from what is usual at this hour of the week.
    ``hold_s`` is how long an alarm stands after it. A value within ``least`` of the stream's
    median, in its metric's unit, is no news however novel it is; a metric that is absent
    keeps `LEAST_NEWS`, or has no least.
    """

    minor_at: Share = 0.5
    major_at: Share = 0.7
    warm_readings: Annotated[int, msgspec.Meta(ge=60)] = 150
    quiet_readings: Annotated[int, msgspec.Meta(ge=0)] = 80
    memory_days: Positive = 90.0
    value: NotNegative = 1.0
    residual: NotNegative = 0.45
    shock: NotNegative = 0.25
    season: NotNegative = 0.2
    hold_s: NotNegative = 900.0
    least: Mapping[str, NotNegative] = {}
