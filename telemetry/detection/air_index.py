"""Parameters of the air index detector."""

from __future__ import annotations

from typing import Annotated

import msgspec

from telemetry.alerts import Severity


class AirIndexParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How bad each category of VN_AQI is; ``None`` means that it raises nothing.

    A category ends ``hysteresis`` points of the index below its beginning. An hourly mean
    counts from ``coverage`` of the hour's five-minute parts; an hour is looked at
    ``settle_s`` after its end, so that slow messages still enter it. ``least_hours`` is for
    how many hours in a row a category has to be reached.
    """

    poor: Severity | None = None
    bad: Severity | None = Severity.MINOR
    very_bad: Severity | None = Severity.MAJOR
    hazardous: Severity | None = Severity.CRITICAL
    hysteresis: Annotated[float, msgspec.Meta(ge=0, le=50)] = 5.0
    coverage: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.75
    settle_s: Annotated[float, msgspec.Meta(ge=0, lt=3600)] = 120.0
    least_hours: Annotated[int, msgspec.Meta(ge=1, le=24)] = 1
