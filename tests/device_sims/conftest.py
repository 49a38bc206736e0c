"""The city that the simulator's tests run."""

from __future__ import annotations

import pytest

from device_sims.city_model import CityModel
from device_sims.options import SimOptions
from launch.config import load_city
from telemetry.city import City
from telemetry.settings import Settings


@pytest.fixture(scope="session")
def city() -> City:
    return load_city(Settings(city="hcmc"), {})


@pytest.fixture(scope="session")
def calm_model(city: City) -> CityModel:
    """The city in which nothing goes wrong."""
    return CityModel(city, SimOptions(scenario="none"))
