"""Instants fall on the right local hour, day and season."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from device_sims.moments import by_hour, by_month, day_start_s, moments
from tests.device_sims.times import every, second

HCMC = ZoneInfo("Asia/Ho_Chi_Minh")


def test_local_clock() -> None:
    at = moments(every("2026-11-22 23:30", 1, 1800), HCMC)
    assert at.hour.tolist() == [23.5, 0.0]
    assert at.weekday.tolist() == [6, 0]
    assert np.diff(at.day).tolist() == [1]
    assert at.season[1] == pytest.approx(326)


@pytest.mark.parametrize("zone", ["Asia/Ho_Chi_Minh", "America/New_York", "UTC", "Australia/Sydney"])
@pytest.mark.parametrize("date", ["2026-03-08", "2026-07-01", "2026-11-01", "2026-10-04"])
def test_a_day_begins_at_local_midnight(zone: str, date: str) -> None:
    midnight = datetime.fromisoformat(date).replace(tzinfo=ZoneInfo(zone)).timestamp()
    day = int(np.datetime64(date, "D").astype(int))
    assert day_start_s(day, ZoneInfo(zone)) == midnight


def test_months_are_eased_across_the_new_year() -> None:
    table = np.arange(12.0)
    got = by_month(table, np.array([15.5, 349.5, 365.25 - 7.875 + 7.875 / 2]))
    assert got[0] == 0.0
    assert got[1] == 11.0
    assert 0.0 < got[2] < 11.0


def test_hours_are_eased_across_midnight() -> None:
    assert by_hour(np.arange(24.0), np.arange(24.0), np.array([23.5, 6.25])).tolist() == [11.5, 6.25]


def test_local_times_in_tests_agree_with_the_zone() -> None:
    assert datetime.fromtimestamp(second("2026-11-23 08:00"), HCMC).hour == 8
