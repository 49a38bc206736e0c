"""History and the live stream are one function of time."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from device_sims.backfill import history, truths
from device_sims.city_model import CityModel
from device_sims.options import SimOptions
from device_sims.truth import FAULTS, moment
from launch.config import PROJECT
from telemetry.city import City
from telemetry.errors import ConfigError
from tests.device_sims.times import every, second

DIGEST = """
import hashlib, sys, numpy as np
from device_sims.city_model import CityModel
from device_sims.options import SimOptions
from launch.config import load_city
from telemetry.settings import Settings
model = CityModel(load_city(Settings(city="hcmc"), {}), SimOptions(), live_start_s=1795478400.0)
print(hashlib.sha256(model.sample(np.array([1795478460_000000])).tobytes()).hexdigest())
"""


def test_the_same_seed_is_the_same_city_in_every_process() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            capture_output=True,
            check=True,
            cwd=PROJECT,
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in (1, 2)
    ]
    assert runs[0] == runs[1]


def test_another_seed_is_another_city(city: City) -> None:
    at = every("2026-11-20 09:00", 0.1, 60)
    first = CityModel(city, SimOptions(seed=1)).sample(at)
    assert not np.array_equal(first, CityModel(city, SimOptions(seed=2)).sample(at), equal_nan=True)


def test_any_window_shows_the_same_values(city: City) -> None:
    """A day in one call, in pieces, and single instants out of order by a fresh model."""
    at = every("2026-11-20 00:00", 24, 600)
    model = CityModel(city, SimOptions())
    whole = model.sample(at)
    pieces = np.concatenate([model.sample(part) for part in np.array_split(at, 7)])
    assert np.array_equal(whole, pieces, equal_nan=True)
    fresh = CityModel(city, SimOptions())
    for row in (130, 3, 77):
        assert np.array_equal(fresh.sample(at[row : row + 1])[0], whole[row], equal_nan=True)


def test_history_has_every_stream_at_every_step(city: City) -> None:
    start, end = moment(second("2026-11-20 00:00")), moment(second("2026-11-21 00:00"))
    chunks = list(history(city, SimOptions(), start, end, 300))
    assert all(chunk.keys == chunks[0].keys for chunk in chunks)
    assert all(chunk.values.shape == (len(chunk.times), len(chunk.keys)) for chunk in chunks)
    assert max(chunk.values.size for chunk in chunks) <= 200_000
    times = np.concatenate([chunk.times for chunk in chunks])
    assert times.tolist() == every("2026-11-20 00:00", 24, 300).tolist()
    assert set(chunks[0].keys) == {(d.device_id, m) for d in city.devices for m in d.metrics}


def test_history_holds_the_faults_it_says(city: City) -> None:
    start, end = moment(second("2026-11-20 00:00")), moment(second("2026-11-21 00:00"))
    found = truths(city, SimOptions(), start, end)
    assert any(truth.is_sensor_fault for truth in found)
    assert any(not truth.is_sensor_fault for truth in found)
    chunks = list(history(city, SimOptions(), start, end, 300))
    values = np.concatenate([chunk.values for chunk in chunks])
    times = np.concatenate([chunk.times for chunk in chunks]) / 1e6
    calm = CityModel(city, SimOptions(scenario="none")).sample((times * 1e6).astype(np.int64))
    columns = {key: place for place, key in enumerate(chunks[0].keys)}
    for truth in found:
        rows = (times >= truth.start_s) & (times < truth.end_s)
        if truth.kind not in FAULTS or rows.sum() < 12:
            continue
        places = [columns[device, metric] for device in truth.device_ids for metric in truth.metrics]
        block = np.ix_(rows, places)
        assert not np.array_equal(values[block], calm[block], equal_nan=True), truth


def test_a_step_of_nothing_is_refused(city: City) -> None:
    with pytest.raises(ConfigError):
        next(history(city, SimOptions(), moment(0), moment(1), 0))


def test_a_week_takes_seconds(city: City) -> None:
    """4.4 million values; 1.5 s on the slow machine this was written on, 15 s allowed."""
    began = time.perf_counter()
    start, end = moment(second("2026-11-16 00:00")), moment(second("2026-11-23 00:00"))
    values = sum(chunk.values.size for chunk in history(city, SimOptions(), start, end, 300))
    assert values > 3_800_000
    assert time.perf_counter() - began < 15
