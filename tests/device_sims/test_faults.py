"""Each sensor fault spoils its streams, only them, only while it lasts."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from device_sims import faults, noise
from device_sims.moments import Moments, moments
from device_sims.tables import Floats
from device_sims.truth import CLOCK, DRIFT, DROPOUT, FAULTS, NOISY, OFFSET, SPIKE, STUCK, Truth, moment
from telemetry.city import City
from telemetry.metrics import Domain

KEYS = (("a", "pm2_5"), ("a", "no2"), ("b", "pm2_5"))
COLUMNS = {key: place for place, key in enumerate(KEYS)}
AT: Moments = moments(np.arange(0, 2_000_000_000, 2_000_000), ZoneInfo("UTC"))
INSIDE = (AT.seconds >= 500) & (AT.seconds < 1500)


def spoil(kind: str, metrics: tuple[str, ...] = ("pm2_5",)) -> tuple[Floats, Floats]:
    clean = 30.0 + noise.white(np.arange(3, dtype=np.uint64), AT.micros)
    matrix = clean.copy()
    size: dict[str, float | str] = {"size": 1.0}
    truth = Truth(
        kind, Domain.ENVIRONMENT, ("a",), metrics, moment(500), moment(1500), size, is_sensor_fault=True
    )
    faults.apply(matrix, AT, [truth], COLUMNS, lambda second: clean[int(second // 2)])
    return clean, matrix


@pytest.mark.parametrize("kind", FAULTS)
def test_only_the_stream_and_the_time_of_the_fault_change(kind: str) -> None:
    clean, matrix = spoil(kind)
    assert np.array_equal(matrix[:, 1:], clean[:, 1:])
    assert np.array_equal(matrix[~INSIDE], clean[~INSIDE])
    assert not np.array_equal(matrix[INSIDE, 0], clean[INSIDE, 0], equal_nan=True)


def test_stuck_repeats_what_it_said_at_the_start() -> None:
    clean, matrix = spoil(STUCK)
    assert (matrix[INSIDE, 0] == clean[250, 0]).all()


def test_dropout_says_nothing() -> None:
    assert np.isnan(spoil(DROPOUT, ("pm2_5", "no2"))[1][INSIDE][:, :2]).all()


def test_offset_is_constant_and_drift_grows() -> None:
    clean, matrix = spoil(OFFSET)
    assert (matrix - clean)[INSIDE, 0] == pytest.approx(np.full(500, faults.SCALE["pm2_5"]))
    clean, matrix = spoil(DRIFT)
    error = (matrix - clean)[INSIDE, 0]
    assert error[0] == pytest.approx(0.0)
    assert (np.diff(error) > 0).all()
    assert error[-1] == pytest.approx(faults.SCALE["pm2_5"], rel=0.01)


def test_spikes_are_rare_and_large() -> None:
    clean, matrix = spoil(SPIKE)
    struck = (matrix != clean)[INSIDE, 0]
    assert 0.04 < struck.mean() < 0.13
    assert np.abs(matrix - clean)[INSIDE, 0].max() == pytest.approx(2 * faults.SCALE["pm2_5"])


def test_noise_has_no_mean_and_some_size() -> None:
    clean, matrix = spoil(NOISY)
    error = (matrix - clean)[INSIDE, 0]
    assert abs(error.mean()) < 0.2 * error.std()
    assert error.std() == pytest.approx(0.15 * faults.SCALE["pm2_5"], rel=0.15)


def test_a_wrong_clock_changes_no_value(city: City) -> None:
    clean, matrix = spoil(CLOCK)
    assert np.array_equal(matrix, clean)
    offsets = set[float]()
    for number in range(60):
        truth = faults.fault(CLOCK, city.devices, noise.rng(number), 0.0, 60.0)
        assert truth is not None
        offsets.add(truth.number("offset_s"))
    assert min(offsets) == -25_200
    assert all(60 <= abs(offset) <= 600 or offset == -25_200 for offset in offsets)
    assert max(offsets) > 60


def test_a_device_that_stands_still_by_nature_is_never_chosen_to_be_stuck(city: City) -> None:
    devices = {device.device_id: device for device in city.devices}
    for number in range(300):
        truth = faults.fault(STUCK, city.devices, noise.rng(number), 0.0, 60.0)
        assert truth is not None
        assert not {"rain_mmph", "gate_opening_pct", "pump_power_kw"} & set(
            devices[truth.device_ids[0]].metrics
        )
