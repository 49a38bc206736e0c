"""Parameters of the detectors of sensor health. Units are in the names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class JumpsParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a step from one reading to the next is the sensor's and not the city's.

    A reading jumps when it differs from the one before by more than ``times`` the steps that
    one in two hundred of the stream's readings makes, and by more than ``least`` of its
    metric (in its unit; a metric that is absent has no such floor). One that returns at once
    is a spike: ``spikes`` of them within about ``memory_s`` are told. One that stays, while
    nothing else of the device and no neighbour jumps, is an offset; after ``settle_s`` it
    counts as the new usual. ``noisy_times`` the usual unrest for ``noisy_s`` is noise. Values
    beyond the metric's physical range are implausible; ``gap_intervals`` usual intervals
    without a reading forget what was before.
    """

    times: Positive = 4.0
    least: Mapping[str, float] = {}
    spikes: Positive = 2.0
    memory_s: Positive = 3_600.0
    settle_s: Positive = 21_600.0
    noisy_times: Positive = 4.0
    noisy_s: NotNegative = 900.0
    gap_intervals: Positive = 5.0


class DriftParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a sensor strays from its neighbours and its own usual course.

    Every ``step_s`` the mean of a stream less the median of up to ``neighbours`` nearest
    ones of its metric is held against what is usual at that time of the week, in robust
    spreads, smoothed over ``smooth_s``. It drifts when that is ``z`` for ``min_duration_s``
    while nothing else of the device strays by as much as ``others_z``; it is over below
    ``clear_z``.
    """

    step_s: Positive = 300.0
    neighbours: Annotated[int, msgspec.Meta(ge=2, le=16)] = 5
    reach_km: Positive = 8.0
    smooth_s: Positive = 1_800.0
    z: Positive = 8.0
    others_z: Positive = 5.0
    clear_z: Positive = 4.0
    min_duration_s: NotNegative = 1_800.0
