"""The metric table is complete and consistent."""

from __future__ import annotations

import pytest

from telemetry.metrics import METRICS, Domain, Metric

ASKED_FOR = {
    Domain.TRAFFIC: "speed_kmh flow_vph occupancy_pct",
    Domain.DRAINAGE: "water_level_m rain_mmph flow_m3s pump_power_kw gate_opening_pct",
    Domain.ENVIRONMENT: "pm2_5 pm10 no2 so2 co o3 temperature_c humidity_pct noise_dba",
    Domain.ENERGY: "active_power_kw voltage_v current_a power_factor frequency_hz energy_kwh",
    Domain.DEVICE: "battery_pct rssi_dbm",
}


@pytest.mark.parametrize(("domain", "keys"), ASKED_FOR.items(), ids=str)
def test_every_domain_has_its_metrics(domain: Domain, keys: str) -> None:
    assert {m.key for m in METRICS.values() if m.domain is domain} >= set(keys.split())


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda m: m.key)
def test_a_metric_is_usable(metric: Metric) -> None:
    assert metric.low < metric.high
    assert metric.interval_s > 0
    assert metric.name_vi
    assert metric.name_en
    assert not metric.holds(float("nan"))
    assert not metric.holds(float("inf"))
