"""The tide formula gives the levels it was published with."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from telemetry.city import City
from telemetry.tide import Station, level_m, stations
from tests.device_sims.times import every

VECTORS = [
    ("2025-01-01T00:00:00Z", -1.781, 0.709, 0.454),
    ("2025-06-21T12:00:00Z", -0.761, -0.624, -0.635),
    ("2025-11-06T10:00:00Z", 0.881, 1.700, 1.766),
    ("2025-12-04T20:00:00Z", 0.399, 1.677, 1.692),
    ("2026-06-15T05:00:00Z", 1.089, 0.664, 0.780),
    ("2026-11-23T00:00:00Z", -1.355, 0.074, -0.124),
    ("2027-02-14T18:30:00Z", -1.238, 0.260, 0.090),
]


@pytest.fixture(scope="module")
def found(city: City) -> dict[str, Station]:
    return stations(city)


@pytest.mark.parametrize("vector", VECTORS, ids=[row[0] for row in VECTORS])
def test_published_levels_within_a_centimetre(
    found: dict[str, Station], vector: tuple[str, float, float, float]
) -> None:
    at = datetime.fromisoformat(vector[0])
    micros = np.array([round(at.timestamp() * 1e6)], dtype=np.int64)
    got = [float(level_m(found[name], micros)[0]) for name in ("vung_tau", "phu_an", "nha_be")]
    assert got == pytest.approx(vector[1:], abs=0.01)


@pytest.mark.parametrize(
    ("start", "hours", "observed_m"),
    [
        pytest.param("2025-11-06 12:00", 12, 1.77, id="record evening of 6 November 2025"),
        pytest.param("2025-12-05 00:00", 6, 1.67, id="night of 5 December 2025"),
        pytest.param("2025-11-20 00:00", 12, 1.55, id="morning of 20 November 2025"),
    ],
)
def test_observed_high_waters_at_phu_an(
    found: dict[str, Station], start: str, hours: float, observed_m: float
) -> None:
    level = level_m(found["phu_an"], every(start, hours, 120))
    assert float(level.max()) == pytest.approx(observed_m, abs=0.04)


def test_the_night_peak_of_5_december_comes_at_3(found: dict[str, Station]) -> None:
    at = every("2025-12-05 00:00", 6, 60)
    minutes = int(np.argmax(level_m(found["phu_an"], at)))
    assert minutes == pytest.approx(180, abs=20)


def test_days_above_the_first_alarm_in_2025(found: dict[str, Station]) -> None:
    """The city counted more than 75 by the end of November; the full model gives 87."""
    level = level_m(found["phu_an"], every("2025-01-01 00:00", 334 * 24, 600)).reshape(334, -1)
    assert 75 <= int((level.max(axis=1) >= 1.40).sum()) <= 100


def test_a_station_upstream_is_later_and_weaker(found: dict[str, Station]) -> None:
    at = every("2026-11-23 00:00", 48, 300)
    below, above = level_m(found["phu_an"], at), level_m(found["thu_dau_mot"], at)
    assert np.ptp(above) < np.ptp(below)
    lag = int(np.argmax(np.correlate(above - above.mean(), below - below.mean(), "full"))) - len(at) + 1
    assert lag * 300 == pytest.approx(1.2 * 3600, abs=900)
