"""The city's signals are what the physics and the facts say."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from device_sims.city_model import CityModel
from device_sims.tables import Floats, number, numbers
from telemetry.city import City
from telemetry.metrics import METRICS
from tests.device_sims.times import every

Look = Callable[[str, str], Floats]


@pytest.fixture(scope="module")
def week(calm_model: CityModel) -> Floats:
    """A week from Monday 16 November 2026, every five minutes."""
    return calm_model.sample(every("2026-11-16 00:00", 168, 300))


@pytest.fixture(scope="module")
def look(city: City, calm_model: CityModel, week: Floats) -> Look:
    """All streams of a kind and a metric, ``(t, n)``."""
    kinds = {device.device_id: device.kind for device in city.devices}

    @cache
    def find(kind: str, metric: str) -> Floats:
        places = [n for n, key in enumerate(calm_model.keys) if kinds[key[0]] == kind and key[1] == metric]
        return week[:, places]

    return find


def tagged(city: City, kind: str, tag: str, convert: Callable[[str], float] = float) -> Floats:
    return np.array([convert(device.tags[tag]) for device in city.devices if device.kind == kind])


def at_hour(values: Floats, hour: float, days: slice = slice(0, 5)) -> Floats:
    """Rows of one local hour on weekdays, averaged over them."""
    return values.reshape(7, 288, -1)[days, round(hour * 12)].mean(axis=0)


def test_every_value_is_one_an_instrument_can_report(calm_model: CityModel, week: Floats) -> None:
    assert not np.isnan(week).any()
    for place, (_, metric) in enumerate(calm_model.keys):
        assert METRICS[metric].low <= week[:, place].min() <= week[:, place].max() <= METRICS[metric].high


def test_speed_flow_and_occupancy_agree(city: City, look: Look) -> None:
    speed = look("traffic_detector", "speed_kmh")
    flow = look("traffic_detector", "flow_vph")
    occupancy = look("traffic_detector", "occupancy_pct")
    lanes = tagged(city, "traffic_detector", "lanes")
    density = flow / lanes / number(city, "traffic", "vehicles", "per_pcu") / speed
    footprint_m = number(city, "traffic", "vehicles", "vehicle_length_m") + number(
        city, "traffic", "vehicles", "detector_length_m"
    )
    assert np.abs(occupancy - density * footprint_m / 10.0).max() < 0.3
    assert occupancy.max() < 100


def test_rush_hours_slow_the_traffic(look: Look) -> None:
    speed, flow = look("traffic_camera", "speed_kmh"), look("traffic_camera", "flow_vph")
    night, morning, noon, evening = (at_hour(speed, hour).mean() for hour in (3.4, 7.5, 13, 18))
    assert evening < morning < noon < night
    assert 0.45 < evening / night < 0.72
    assert at_hour(flow, 17.5).mean() > 8 * at_hour(flow, 3).mean()
    sunday = at_hour(speed, 17.5, slice(6, 7)).mean()
    assert sunday > 1.1 * at_hour(speed, 17.5).mean()


def test_air_follows_traffic_and_sun(look: Look) -> None:
    fine, ozone = look("air_station", "pm2_5"), look("air_station", "o3")
    assert 20 < fine.mean() < 50
    assert at_hour(fine, 9).mean() > 1.25 * at_hour(fine, 15).mean()
    assert (look("air_station", "pm10") > fine).mean() > 0.99
    assert 12.5 <= np.argmax(ozone.reshape(7, 288, -1).mean(axis=(0, 2))) / 12 <= 15.5
    assert at_hour(ozone, 14).mean() > 3 * at_hour(ozone, 2).mean()


def test_temperature_and_humidity_keep_to_the_month(city: City, look: Look) -> None:
    temperature, humidity = look("air_station", "temperature_c"), look("air_station", "humidity_pct")
    assert temperature.max() < numbers(city, "climate", "temperature_max_c")[10] + 3
    assert temperature.min() > numbers(city, "climate", "temperature_min_c")[10] - 3
    assert at_hour(temperature, 13.5).mean() > at_hour(temperature, 5.5).mean() + 5
    assert np.corrcoef(temperature.ravel(), humidity.ravel())[0, 1] < -0.8


def test_power_is_root_three_u_i_cos_phi(look: Look) -> None:
    for kind in ("feeder", "transformer"):
        power, voltage, current, factor = (
            look(kind, name) for name in ("active_power_kw", "voltage_v", "current_a", "power_factor")
        )
        assert power == pytest.approx(np.sqrt(3) * voltage * current * factor / 1e3, rel=2e-3)
        assert factor.min() > 0.9


def test_voltage_sags_with_load(look: Look) -> None:
    voltage, current = look("feeder", "voltage_v"), look("feeder", "current_a")
    slopes = [np.corrcoef(voltage[:, n], current[:, n])[0, 1] for n in range(voltage.shape[1])]
    assert np.mean(slopes) < -0.3
    assert (np.abs(voltage / 22_000 - 1) < 0.05).all()


def test_feeders_rest_on_sunday(look: Look) -> None:
    power = look("feeder", "active_power_kw")
    assert 0.65 < at_hour(power, 10, slice(6, 7)).sum() / at_hour(power, 10).sum() < 0.9


def test_meters_only_rise_at_about_the_power_that_flows(look: Look) -> None:
    energy, power = look("feeder", "energy_kwh"), look("feeder", "active_power_kw")
    assert (np.diff(energy, axis=0) >= 0).all()
    ratio = (energy[-1] - energy[0]) / (power.mean(axis=0) * 167.92)
    assert ratio == pytest.approx(np.ones_like(ratio), abs=0.25)


def test_frequency_stays_in_its_band_and_is_the_same_everywhere(look: Look) -> None:
    frequency = look("substation", "frequency_hz")
    assert np.abs(frequency - 50).max() < 0.2
    assert 0.02 < frequency.std() < 0.05
    assert np.ptp(frequency, axis=1).max() < 0.02


def test_street_lights_burn_from_dusk_to_dawn(look: Look) -> None:
    power = look("lighting_cabinet", "active_power_kw")
    assert at_hour(power, 12).max() < 0.5
    assert at_hour(power, 16.5).max() < 0.5, "sunset is 17:27"
    assert at_hour(power, 19).min() > 4
    assert at_hour(power, 6.5).max() < 0.5
    assert at_hour(power, 1).sum() == pytest.approx(0.62 * at_hour(power, 20).sum(), rel=0.06)


def test_gates_shut_on_the_tide_and_pumps_take_over(look: Look) -> None:
    opening, level = look("tidal_gate", "gate_opening_pct"), look("tidal_gate", "water_level_m")
    assert (opening[level > 1.35] == 0).all()
    assert (opening[level < 1.05] == 100).all()
    shut = (opening == 0).all(axis=1)
    flow = look("pump_station", "flow_m3s")
    assert flow[shut].sum(axis=1).min() > 10
    ratio = look("pump_station", "pump_power_kw")[flow > 1] / flow[flow > 1]
    assert ratio == pytest.approx(np.full_like(ratio, 9.81 * 3.5 / 0.7), rel=0.03)


def test_canals_are_a_damped_tide(look: Look) -> None:
    canal, gauge = look("canal_level", "water_level_m"), look("tide_gauge", "water_level_m")
    assert np.ptp(canal, axis=0).max() < np.ptp(gauge, axis=0).max()
    assert np.corrcoef(canal[:, 0], gauge[:, 0])[0, 1] > 0.85


def test_batteries_sink_slowly(look: Look) -> None:
    charge = look("flood_gauge", "battery_pct")
    steps = np.diff(charge, axis=0)
    assert (steps <= 0).mean() > 0.999
    assert charge.min() > 20


def test_nothing_is_alarming_on_an_ordinary_day_but_the_tide_rain_and_fine_dust(
    city: City, calm_model: CityModel, week: Floats
) -> None:
    devices = {device.device_id: device for device in city.devices}
    crossed: set[str] = set()
    for place, (device_id, metric) in enumerate(calm_model.keys):
        for threshold in city.thresholds:
            if threshold.averaging_s == 0 and threshold.applies_to(devices[device_id], metric):
                high = threshold.direction == "high"
                past = week[:, place] >= threshold.limit if high else week[:, place] <= threshold.limit
                if past.any():
                    crossed.add(threshold.family)
    assert crossed <= {"tide", "rain", "flood_depth"}
