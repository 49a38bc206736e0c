"""Which devices stay together where a city is taken apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analytics.ties import leaders
from telemetry.detection import DetectorSpec
from telemetry.devices import Device
from tests.analytics import worlds

RAIN = worlds.device("rain-1", "rain_gauge", "rain_mmph", "battery_pct")
DUST = worlds.device("air-1", "air_station", "pm2_5")
FEEDER = worlds.device("feeder-1", "feeder", "active_power_kw")
NOISE = worlds.device("noise-1", "noise_meter", "noise_dba", "battery_pct")


def tied(kind: str, *devices: Device) -> bool:
    """Whether they all stay together under a detector of this kind."""
    return len(set(leaders([DetectorSpec(kind, kind)], devices).values())) == 1


@pytest.mark.parametrize(
    ("device", "together"), [(DUST, True), (FEEDER, False)], ids=["dust is washed out", "load is not"]
)
def test_rain_gauges_stay_with_what_rain_changes(device: Device, *, together: bool) -> None:
    assert tied("forecast", RAIN, device) is together


def test_neighbours_are_of_a_kind() -> None:
    assert tied("drift", DUST, replace(DUST, device_id="air-2"))
    assert not tied("drift", RAIN, NOISE)


def test_leaps_are_shared_by_metric_kind_and_area() -> None:
    assert tied("jumps", NOISE, replace(NOISE, device_id="noise-2"))
    assert not tied("jumps", NOISE, replace(NOISE, device_id="noise-2", lat=NOISE.lat + 1.0))
    assert not tied("jumps", RAIN, NOISE)  # both have a battery


def test_clocks_tie_nobody_as_history_keeps_no_times_of_receipt() -> None:
    assert not tied("clock", DUST, replace(DUST, device_id="air-2"))
