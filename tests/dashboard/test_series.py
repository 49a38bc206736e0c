"""Thinning and gaps."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.queries.series import gap_starts, mark_gaps, thin
from telemetry.readings import Readings


def rows(times_s: object, values: object = None) -> Readings:
    times = np.asarray(times_s, np.int64) * 1_000_000
    return Readings.of(np.ones(len(times)), times, np.arange(len(times)) if values is None else values)


def test_thinning_keeps_the_peaks_and_the_ends():
    values = np.zeros(10_000)
    values[[1234, 7000]] = 50.0, -40.0
    found = rows(np.arange(10_000), values)
    kept = thin(found, 200)
    assert len(kept) <= 200
    assert {50.0, -40.0} <= set(kept.values.tolist())
    assert (kept.times[0], kept.times[-1]) == (found.times[0], found.times[-1])


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_readings_have_no_gaps(n: int):
    assert len(gap_starts(rows(np.arange(n) * 60), 60)) == 0


def test_a_hole_is_a_gap():
    times = [*range(0, 600, 60), *range(3000, 3600, 60)]
    assert gap_starts(rows(times), 60).tolist() == [540_000_000]


def test_coarser_history_before_fine_readings_is_no_gap():
    times = [*range(0, 6000, 300), *range(6000, 6600, 10)]
    assert len(gap_starts(rows(times), 10)) == 0


def test_a_mark_stands_right_after_the_reading_before_the_gap():
    found = rows([0, 60, 120, 180, 240, 3000, 3060])
    times, values, qualities = mark_gaps(found, gap_starts(found, 60))
    assert times.tolist() == [0, 60_000, 120_000, 180_000, 240_000, 240_001, 3_000_000, 3_060_000]
    assert np.isnan(values[5])
    assert qualities[5] == -1
