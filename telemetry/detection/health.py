"""Parameters of the detectors of sensor health. Units are in the names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from telemetry.detection.floors import Floor

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]

LEAST_JUMP: Mapping[str, float] = {
    "speed_kmh": 18.0,
    "flow_vph": 1_500.0,
    "occupancy_pct": 15.0,
    "water_level_m": 0.15,
    "rain_mmph": 50.0,
    "flow_m3s": 8.0,
    "pump_power_kw": 60.0,
    "gate_opening_pct": 30.0,
    "pm2_5": 30.0,
    "pm10": 50.0,
    "no2": 40.0,
    "so2": 20.0,
    "co": 1_500.0,
    "o3": 50.0,
    "temperature_c": 3.0,
    "humidity_pct": 12.0,
    "noise_dba": 10.0,
    "active_power_kw": 5.0,
    "voltage_v": 8.0,
    "current_a": 10.0,
    "power_factor": 0.06,
    "frequency_hz": 0.25,
    "battery_pct": 15.0,
    "rssi_dbm": 18.0,
}
"""The metrics whose jumps are doubted, with the least one worth it, in the metric's unit: more
than a good field instrument and the city itself make from one reading to the next. Counters
are left out."""

SWIFT = frozenset(
    ("speed_kmh", "flow_vph", "occupancy_pct", "active_power_kw", "voltage_v", "current_a", "power_factor")
)
"""What the city itself can change from one reading to the next (a crash, a tripped feeder).
Water, air and weather cannot."""

SWITCHED = frozenset(("rain_mmph", "flow_m3s", "pump_power_kw", "gate_opening_pct"))
"""What sets in at once: a shower, a pump, a gate. Such a leap may be a spike, but no offset."""

RESTLESS: Mapping[str, float] = {
    "rain_mmph": 4.0,
    "flow_m3s": 4.0,
    "pump_power_kw": 4.0,
    "pm10": 3.0,
    "occupancy_pct": 1.5,
}
"""How many times as much unrest is none on a metric that has its bursts by nature: showers,
pumps, dust that is stirred up, queues."""

REFILLED = frozenset(("battery_pct",))
"""What people raise at once: a battery is replaced."""

PLAUSIBLE: Mapping[str, tuple[float, float]] = {
    "temperature_c": (5.0, 50.0),
    "noise_dba": (20.0, 130.0),
    "rain_mmph": (0.0, 300.0),
    "frequency_hz": (45.0, 55.0),
    "pm2_5": (0.0, 1_000.0),
}
"""What the city can show where that is narrower than what an instrument can report
(`telemetry.metrics`)."""


class JumpsParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a step from one reading to the next is the sensor's and not the city's.

    A reading jumps when it differs from the one before by more than ``times`` a step that is
    large on the stream (one in two hundred is larger), and by more than ``least`` of its
    metric (in its unit; a metric that is absent keeps `LEAST_JUMP`). One that returns at once
    is a spike: ``spikes`` of them within about ``memory_s`` are told. One that stays, while
    nothing else of the device and no neighbour jumps, is an offset; after ``settle_s`` it
    counts as the new usual. Of what the city can change as swiftly itself (`SWIFT`) only
    another metric of the device can tell. Unrest is how much steps take each other back; ``noisy_times``
    what is usual in lively hours (more where a metric is `RESTLESS`) for ``noisy_s`` is noise. Values
    outside ``plausible`` of their metric (low, high; else `PLAUSIBLE`, else its physical
    range) are implausible. ``gap_intervals`` usual intervals without a reading forget what
    was before.
    """

    times: Positive = 3.0
    least: Mapping[str, NotNegative] = {}
    plausible: Mapping[str, tuple[float, float]] = {}
    spikes: Positive = 2.0
    memory_s: Positive = 3_600.0
    settle_s: Positive = 21_600.0
    noisy_times: Positive = 2.6
    noisy_s: NotNegative = 900.0
    gap_intervals: Positive = 5.0


class DriftParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a sensor strays from its neighbours and its own usual course.

    Every ``step_s`` the mean of a stream less the median of up to ``neighbours`` nearest
    ones of its metric is held against what is usual at that time of the week, in robust
    spreads, smoothed over ``smooth_s``. It drifts when that is ``z`` for ``min_duration_s``
    while nothing else of the device strays by as much as ``others_z``; it is over below
    ``clear_z``. Where the neighbours themselves are off by ``z``, nobody is judged.
    ``floors`` are least spreads in place of, and beside, those of `SEASONAL`.
    """

    step_s: Positive = 300.0
    neighbours: Annotated[int, msgspec.Meta(ge=2, le=16)] = 5
    reach_km: Positive = 8.0
    smooth_s: Positive = 1_800.0
    z: Positive = 4.0
    others_z: Positive = 2.0
    clear_z: Positive = 2.0
    min_duration_s: NotNegative = 900.0
    floors: Mapping[str, Floor] = {}


class ClockParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a device's clock is wrong, or what stands on its readings is not when they were measured.

    A device is looked at every ``window_s``, but after ``intervals`` of its usual intervals
    at least. Its clock is off by as much as its most timely reading differs from those of the
    city; more than ``tolerance_s`` for ``min_duration_s`` is told, and over below ``clear_s``.
    Readings displaced by more than ``misplaced_s`` in two looks running are kept from the
    detectors that go by the hour.
    """

    tolerance_s: Positive = 30.0
    clear_s: Positive = 15.0
    window_s: Positive = 300.0
    intervals: Positive = 5.0
    min_duration_s: NotNegative = 240.0
    misplaced_s: Positive = 1_800.0

    def __post_init__(self) -> None:
        """Hysteresis wants two levels."""
        if self.clear_s > self.tolerance_s:
            raise ValueError("clear_s must not be above tolerance_s")
