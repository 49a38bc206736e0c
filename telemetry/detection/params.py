"""Parameters of the plain detectors. Units are in the names; defaults are what the city runs with."""

from __future__ import annotations

from typing import Annotated

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class LimitsParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """None: the limits are the city profile's thresholds."""


class SilenceParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a device is overdue.

    ``intervals`` usual intervals without a word, but at least ``least_s`` seconds, are a
    minor fault; ``major_times`` as long is a major one.
    """

    intervals: Positive = 3.0
    least_s: NotNegative = 30.0
    major_times: Annotated[float, msgspec.Meta(gt=1)] = 10.0


class StuckParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a repeated value is strange.

    It takes ``least_repeats`` readings alike and as many usual intervals, and
    ``of_usual`` times the longest run that is usual on the stream.
    """

    least_repeats: Annotated[float, msgspec.Meta(ge=2)] = 15.0
    of_usual: Annotated[float, msgspec.Meta(ge=1)] = 2.5
