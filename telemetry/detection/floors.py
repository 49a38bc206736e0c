"""Floors: the least spread of a metric that is worth calling a spread.

About what a good field instrument repeats to, so that a quiet stream does not alarm at its
own noise.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from telemetry.detection.params import NotNegative, Share


class Floor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The least spread: ``least`` in the metric's unit or ``share`` of the usual value, whichever is more."""

    least: NotNegative
    share: Share = 0.0


SEASONAL: dict[str, Floor] = {
    "speed_kmh": Floor(1.5, 0.06),
    "flow_vph": Floor(30.0, 0.08),
    "occupancy_pct": Floor(2.0, 0.08),
    "pm2_5": Floor(3.0, 0.10),
    "pm10": Floor(5.0, 0.10),
    "no2": Floor(4.0, 0.10),
    "so2": Floor(2.0, 0.10),
    "co": Floor(80.0, 0.10),
    "o3": Floor(4.0, 0.10),
    "temperature_c": Floor(0.6),
    "noise_dba": Floor(1.5),
    "active_power_kw": Floor(0.5, 0.04),
    "voltage_v": Floor(0.5, 0.004),
    "current_a": Floor(1.0, 0.04),
    "power_factor": Floor(0.01),
    "frequency_hz": Floor(0.02),
}
"""Metrics that keep the hours of the local day. Left out: counters and positions (energy, gate
opening), a device's own health, humidity, and all drainage, where the tide's day has 24.84
hours and rain keeps no hours."""

HOURLY: dict[str, Floor] = {**SEASONAL, "humidity_pct": Floor(3.0)}
"""Metrics that a usual week says enough of to hold members of a group against it. Water is
not among them: by the clock, every spring tide and every shower is strange on each gauge of
the city at once."""

FLOORS: dict[str, Floor] = {
    **HOURLY,
    "water_level_m": Floor(0.03),
    "flow_m3s": Floor(0.3, 0.05),
    "pump_power_kw": Floor(5.0, 0.05),
}
"""Every metric that varies smoothly enough for its past to say what to expect. Rain does not."""


def with_own(table: Mapping[str, Floor], own: Mapping[str, Floor]) -> dict[str, Floor]:
    """``table`` with the floors of a configuration in place of, and beside, its own."""
    return {**table, **own}
