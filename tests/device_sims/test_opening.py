"""A demo's live start: within two minutes every desk has something a detector must see."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from device_sims.city_model import CityModel
from device_sims.options import SimOptions
from device_sims.truth import ACCIDENT, CLOCK, DROPOUT, EVENTS, FAULTS, FLOOD, OUTAGE, POLLUTION, STUCK
from telemetry.city import City
from telemetry.metrics import Domain
from tests.device_sims.times import second

STARTS = ["2026-11-23 08:00", "2026-11-24 03:10", "2026-09-06 17:30", "2027-02-14 12:00", "2026-11-23 23:58"]


def live_times(start_s: float, seconds: float, step_s: float = 5.0) -> np.ndarray:
    return (np.arange(start_s, start_s + seconds, step_s) * 1e6).astype(np.int64)


@pytest.mark.parametrize("seed", [7, 1])
@pytest.mark.parametrize("start", STARTS)
def test_limits_are_passed_for_long_enough_within_two_minutes(city: City, start: str, seed: int) -> None:
    start_s = second(start)
    model = CityModel(city, SimOptions(seed=seed), live_start_s=start_s)
    at = live_times(start_s, 120)
    values = model.sample(at)
    devices = {device.device_id: device for device in city.devices}
    raised: dict[Domain, set[str]] = defaultdict(set)
    for place, (device_id, metric) in enumerate(model.keys):
        for threshold in city.thresholds:
            if threshold.averaging_s or not threshold.applies_to(devices[device_id], metric):
                continue
            series = values[:, place]
            past = series >= threshold.limit if threshold.direction == "high" else series <= threshold.limit
            if past.sum() * 5 > threshold.min_duration_s + 10:
                raised[devices[device_id].domain].add(threshold.key)
    assert any("speed" in key for key in raised[Domain.TRAFFIC])
    assert {"flood-depth-light", "flood-depth-flooded"} & raised[Domain.DRAINAGE]
    assert any("voltage" in key for key in raised[Domain.ENERGY])


@pytest.mark.parametrize("start", STARTS)
def test_the_pollution_stands_far_out_of_the_usual_for_the_hour(city: City, start: str) -> None:
    start_s = second(start)
    model = CityModel(city, SimOptions(), live_start_s=start_s)
    truth = next(t for t in model.schedule.overlapping(start_s, start_s + 60) if t.kind == POLLUTION)
    weeks = (start_s * 1e6 - np.arange(1, 8) * 86_400e6).astype(np.int64)
    usual = CityModel(city, SimOptions(scenario="none")).sample(np.sort(weeks))
    now = model.sample(live_times(start_s + 30, 60))
    place = model.keys.index((truth.device_ids[0], "pm2_5"))
    spread = 1.4826 * np.median(np.abs(usual[:, place] - np.median(usual[:, place])))
    assert ((now[:, place] - np.median(usual[:, place])) / max(spread, 3.0)).min() > 8


@pytest.mark.parametrize("start", STARTS[:2])
def test_the_opening_is_shown_where_the_map_looks_first(city: City, start: str) -> None:
    start_s = second(start)
    schedule = CityModel(city, SimOptions(), live_start_s=start_s).schedule
    calm = CityModel(city, SimOptions(scenario="calm"), live_start_s=start_s).schedule
    daily = calm.overlapping(start_s, start_s + 60)
    opening = [truth for truth in schedule.overlapping(start_s, start_s + 60) if truth not in daily]
    assert {truth.kind for truth in opening} == {FLOOD, ACCIDENT, OUTAGE, POLLUTION, STUCK, DROPOUT}
    west, south, east, north = city.bbox
    devices = {device.device_id: device for device in city.devices}
    for truth in opening:
        first = devices[truth.device_ids[0]]
        assert west < first.lon < east
        assert south < first.lat < north


def test_events_go_on_coming_and_each_ends(city: City) -> None:
    start_s = second("2026-11-23 08:00")
    schedule = CityModel(city, SimOptions(), live_start_s=start_s).schedule
    hour = schedule.overlapping(start_s + 600, start_s + 3600 * 2)
    began = sorted(truth.start_s for truth in hour if truth.start_s > start_s + 600)
    assert len(began) > 20
    assert max(np.diff(began)) < 600
    assert {truth.kind for truth in hour} == {*EVENTS, *FAULTS, CLOCK}
    assert all(60 <= truth.end_s - truth.start_s <= 8 * 3600 for truth in hour)
    late = schedule.overlapping(start_s + 86_400, start_s + 86_460)
    assert not [truth for truth in late if truth.start_s < start_s + 3600 and not truth.is_sensor_fault]


def test_the_schedule_is_the_same_however_it_is_asked(city: City) -> None:
    start_s = second("2026-11-23 08:00")
    whole = CityModel(city, SimOptions(), live_start_s=start_s).schedule.overlapping(start_s, start_s + 7200)
    fresh = CityModel(city, SimOptions(), live_start_s=start_s).schedule
    parts = [
        truth
        for k in range(71, -1, -1)
        for truth in fresh.overlapping(start_s + k * 100, start_s + k * 100 + 100)
    ]
    assert {repr(truth) for truth in parts} == {repr(truth) for truth in whole}


def test_nothing_happens_where_nothing_is_wanted(city: City) -> None:
    start_s = second("2026-11-23 08:00")
    assert (
        CityModel(city, SimOptions(scenario="none"), live_start_s=start_s).schedule.overlapping(0, 2e9) == []
    )


def test_an_accident_queues_back_and_thins_the_flow_ahead(city: City) -> None:
    start_s = second("2026-11-23 11:00")
    model = CityModel(city, SimOptions(), live_start_s=start_s)
    truth = next(
        t
        for t in model.schedule.overlapping(start_s, start_s)
        if t.kind == ACCIDENT and t.start_s > start_s - 300
    )
    free = CityModel(city, SimOptions(scenario="calm"))
    at = live_times(start_s + 60, 60)
    hit = [model.keys.index((device, "speed_kmh")) for device in truth.device_ids]
    assert (model.sample(at)[:, hit].mean(axis=0) < 0.65 * free.sample(at)[:, hit].mean(axis=0)).all()
    assert model.sample(at)[:, hit].min() < 7
    after = live_times(truth.end_s + 1800, 60)
    assert np.array_equal(model.sample(after)[:, hit], free.sample(after)[:, hit])


def test_an_outage_takes_what_hangs_on_the_feeder_and_meters_stand_still(city: City) -> None:
    start_s = second("2026-11-23 11:00")
    model = CityModel(city, SimOptions(), live_start_s=start_s)
    truth = next(t for t in model.schedule.overlapping(start_s, start_s + 60) if t.kind == OUTAGE)
    at = live_times(truth.start_s + 10, truth.end_s - truth.start_s - 20, 10)
    values = model.sample(at)
    for device in truth.device_ids:
        assert (values[:, model.keys.index((device, "voltage_v"))] == 0).all()
    meter = model.keys.index((truth.device_ids[0], "energy_kwh"))
    assert np.ptp(values[:, meter]) < 0.2
    register = model.sample(live_times(start_s - 60, 86_400 * 1.2, 300))[:, meter]
    register = register[~np.isnan(register)]
    assert (np.diff(register) > -1e-3).all()
