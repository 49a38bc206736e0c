"""Sensor faults: how one is made, and what it does to the values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from device_sims import noise
from device_sims.groups import StreamKey
from device_sims.moments import Moments
from device_sims.tables import Floats
from device_sims.truth import CLOCK, DRIFT, DROPOUT, NOISY, OFFSET, SPIKE, STUCK, Truth, moment
from telemetry.devices import Device

SCALE = {
    "speed_kmh": 22.0,
    "flow_vph": 2_500.0,
    "occupancy_pct": 25.0,
    "water_level_m": 0.9,
    "rain_mmph": 60.0,
    "flow_m3s": 25.0,
    "pump_power_kw": 400.0,
    "gate_opening_pct": 40.0,
    "pm2_5": 120.0,
    "pm10": 190.0,
    "no2": 150.0,
    "so2": 60.0,
    "co": 6_000.0,
    "o3": 120.0,
    "temperature_c": 12.0,
    "humidity_pct": 30.0,
    "noise_dba": 22.0,
    "active_power_kw": 4_000.0,
    "voltage_v": 40.0,
    "current_a": 200.0,
    "power_factor": 0.2,
    "frequency_hz": 0.6,
    "battery_pct": 30.0,
    "rssi_dbm": 30.0,
}
"""What a large error of a sensor of this metric is, in its unit; metrics that are absent
(meters' registers) do not fail."""

_RELATIVE = {"voltage_v": 0.12, "active_power_kw": 0.8, "current_a": 0.8}
"""Metrics whose devices differ by orders of magnitude: the error is a share of the value."""
_SPIKES_PER_READING = 0.08
_UNREST = 0.15
"""Standard deviation of a noisy sensor's readings, as a share of a large error."""
_OFFSETS_S = ((60.0, 540.0), (-280.0, -60.0), (-25_200.0, -25_200.0))
"""A clock that runs ahead, one that lags, and one of another time zone: universal time for local."""
_OF_DEVICE = (DROPOUT, CLOCK)


_STILL = frozenset(("rain_mmph", "pump_power_kw", "gate_opening_pct"))
"""Metrics that stand still for hours by nature: a frozen device that has one shows nothing."""


def fault(
    kind: str, devices: Sequence[Device], chance: np.random.Generator, start_s: float, duration_s: float
) -> Truth | None:
    """A fault of one metric of one of ``devices``, or of a whole device: gone, frozen or out of time."""
    able = [device for device in devices if _can(device, kind)]
    if not able:
        return None
    device = able[int(chance.integers(len(able)))]
    metrics = tuple(metric for metric in device.metrics if kind in _OF_DEVICE or metric in SCALE)
    params: dict[str, float | str] = {}
    if kind == CLOCK:
        params["offset_s"] = round(float(chance.uniform(*_OFFSETS_S[int(chance.integers(3))])), 3)
    elif kind not in (DROPOUT, STUCK):
        metrics = (metrics[int(chance.integers(len(metrics)))],)
        params["size"] = round(float(chance.choice((-1.0, 1.0)) * chance.uniform(0.7, 1.4)), 3)
    start, end = moment(start_s), moment(start_s + duration_s)
    return Truth(kind, device.domain, (device.device_id,), metrics, start, end, params, is_sensor_fault=True)


def _can(device: Device, kind: str) -> bool:
    if kind == STUCK and not _STILL.isdisjoint(device.metrics):
        return False
    return not SCALE.keys().isdisjoint(device.metrics)


def apply(
    matrix: Floats,
    at: Moments,
    truths: Sequence[Truth],
    columns: Mapping[StreamKey, int],
    clean_at: Callable[[float], Floats],
) -> None:
    """Spoil ``matrix`` ``(t, n_streams)`` in place.

    ``clean_at(second)`` gives the row ``(n_streams,)`` that would have been measured then:
    what a stuck sensor goes on saying.
    """
    for truth in truths:
        rows = np.nonzero((at.seconds >= truth.start_s) & (at.seconds < truth.end_s))[0]
        pairs = [(id_, metric) for id_ in truth.device_ids for metric in truth.metrics]
        places = np.array([columns[pair] for pair in pairs if pair in columns], dtype=np.intp)
        if not len(rows) or not len(places) or truth.kind == CLOCK:
            continue
        block = np.ix_(rows, places)
        if truth.kind == DROPOUT:
            matrix[block] = np.nan
        elif truth.kind == STUCK:
            matrix[block] = clean_at(truth.start_s)[places]
        else:
            matrix[block] += _error(truth, at, rows, matrix[block])


def _error(truth: Truth, at: Moments, rows: NDArray[np.intp], values: Floats) -> Floats:
    """What a fault adds to ``values`` ``(rows, 1)``."""
    metric = truth.metrics[0]
    size = truth.number("size") * SCALE[metric]
    if metric in _RELATIVE:
        size = truth.number("size") * _RELATIVE[metric] * np.abs(values)
    if truth.kind == OFFSET:
        return size * np.ones_like(values)
    if truth.kind == DRIFT:
        grown = (at.seconds[rows] - truth.start_s) / (truth.end_s - truth.start_s)
        return size * grown[:, None]
    keys = np.array([noise.key(0, truth.kind, truth.device_ids[0], truth.start_s)], dtype=np.uint64)
    if truth.kind == NOISY:
        return _UNREST * size * noise.white(keys, at.micros[rows])
    if truth.kind != SPIKE:
        raise ValueError(f"no fault is called {truth.kind!r}")
    struck = noise.uniform(keys, at.micros[rows]) < _SPIKES_PER_READING
    return np.where(struck, 2.0 * size, 0.0)
