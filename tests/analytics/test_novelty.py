"""What the onset detector's memory is made of."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.detectors.extremes import KEPT as KEPT_EXCESSES
from analytics.detectors.extremes import Excesses, probability
from analytics.detectors.familiar import KEPT, Familiar
from analytics.detectors.novelty import Novelty
from analytics.detectors.quantiles import HIGH, LOW, MIDDLE, SHARES, Quantiles
from analytics.detectors.trails import Trails
from analytics.detectors.usual_hours import UsualHours
from analytics.times import DAY, HOUR

ONE = np.zeros(1, np.int64)


def one_by_one(values: np.ndarray, memory_hours: float = 1e6) -> list[float]:
    """The distances of values met one after the other."""
    memory = Familiar(memory_hours)
    memory.extend(1)
    return [float(memory.meet(ONE, np.float32([v]), np.int32([0]))[0]) for v in values.tolist()]


def test_distance_is_to_the_nearest_value_seen() -> None:
    """Exact while there are fewer values than intervals."""
    values = np.random.default_rng(1).normal(0, 1, KEPT).astype(np.float32)
    brute = [0.0] + [float(np.abs(values[:i] - values[i]).min()) for i in range(1, KEPT)]
    assert one_by_one(values) == pytest.approx(brute, rel=1e-6)


def test_wide_gaps_outlive_the_bulk() -> None:
    """A thousand values between 0 and 1 become one interval; the gap up to 10 stays."""
    bulk = np.random.default_rng(2).random(1000)
    distances = one_by_one(np.array([*bulk, 10.0, 4.0, 0.5, 10.0]))
    assert distances[-4:] == pytest.approx([9.0, 3.0, 0.0, 0.0], abs=0.05)


def test_what_was_not_seen_for_long_is_novel_again() -> None:
    memory = Familiar(memory_hours=100)
    memory.extend(1)
    for hour, value in ((0, 5.0), (0, 1.0), (90, 1.0), (150, 1.0)):
        memory.meet(ONE, np.float32([value]), np.int32([hour]))
    memory.forget(ONE, np.int32([150]))
    assert memory.meet(ONE, np.float32([1.0]), np.int32([150])) == 0
    assert memory.meet(ONE, np.float32([5.0]), np.int32([150])) == 4.0


def test_cells_do_not_touch_each_other() -> None:
    chance = np.random.default_rng(3)
    values = chance.normal(0, 1, (200, 3)).astype(np.float32)
    together = Familiar(1e6)
    together.extend(3)
    found = [together.meet(np.arange(3), row, np.zeros(3, np.int32)) for row in values]
    for cell in range(3):
        assert [float(row[cell]) for row in found] == one_by_one(values[:, cell])


@pytest.mark.parametrize("shape", ["normal", "lognormal", "uniform"])
def test_quantiles_are_near_the_true_ones(shape: str) -> None:
    values = getattr(np.random.default_rng(5), shape)(size=(8000, 4)).astype(np.float32)
    markers = Quantiles()
    markers.extend(4)
    for row in values:
        markers.add(np.arange(4), row)
    for marker in (LOW, MIDDLE, HIGH):
        rank = (values < markers.heights[:, marker]).mean(axis=0)
        assert rank == pytest.approx(SHARES[marker], abs=0.01)
    assert (np.diff(markers.heights, axis=1) >= 0).all()
    assert markers.heights[:, 0] == pytest.approx(values.min(axis=0))
    assert markers.heights[:, -1] == pytest.approx(values.max(axis=0))


def test_excesses_keep_the_largest() -> None:
    values = np.random.default_rng(6).exponential(2.0, 500).astype(np.float32)
    kept = Excesses()
    kept.extend(1)
    for value in values:
        kept.add(ONE, np.array([value]))
    assert kept.largest[0] == pytest.approx(np.sort(values)[-KEPT_EXCESSES:])
    assert kept.mean[0] == pytest.approx(np.sort(values)[-KEPT_EXCESSES:].mean())


def test_probability_is_of_the_exponential_tail() -> None:
    assert probability(np.array([0.0, 1.0, np.inf])) == pytest.approx([0.0, 1 - np.exp(-1), 1.0])


def test_strength_does_not_depend_on_the_unit() -> None:
    values = np.random.default_rng(7).normal(0, 1, 300).cumsum()
    plain, scaled = (_strengths(values * unit) for unit in (1.0, 1024.0))
    assert max(plain) > 0
    assert scaled == pytest.approx(plain, rel=1e-3)


def test_an_old_level_is_familiar_and_one_in_between_is_not() -> None:
    chance = np.random.default_rng(8)
    levels = np.where(np.arange(400) % 40 < 20, 0.0, 100.0) + chance.normal(0, 1, 400)
    assert _strengths(np.append(levels, 50.0))[-1] > 10 * _strengths(np.append(levels, 100.0))[-1]


def test_hours_of_the_day_speak_before_those_of_the_week() -> None:
    usual = UsualHours()
    usual.extend(1)
    start = 10 * DAY
    for hour in range(8 * 24):
        at = np.array([start + hour * HOUR + HOUR // 2])
        expected = usual.expected(ONE, at)[0]
        value = float(hour % 24) + (100.0 if hour < 24 else 0.0)
        assert np.isnan(expected) == (hour < 24)
        if 24 <= hour < 48:
            assert expected == value + 100.0
        if hour >= 7 * 24:
            assert expected == value + 100.0
        usual.learn(ONE, at, np.array([value]))


def test_between_the_middles_of_hours_the_usual_is_linear() -> None:
    usual = UsualHours()
    usual.extend(1)
    for hour in range(25):
        usual.learn(ONE, np.array([hour * HOUR]), np.array([float(hour % 24)]))
    assert usual.expected(ONE, np.array([DAY + 4 * HOUR]))[0] == pytest.approx(3.5)


def test_a_trail_starts_anew_after_a_silence() -> None:
    trails = Trails()
    trails.extend(1)
    on, anew = np.array([False]), np.array([True])
    assert np.isnan(trails.meet(ONE, np.array([5.0]), on)[0])
    assert trails.meet(ONE, np.array([6.0]), on)[0] == 5.0
    assert trails.meet(ONE, np.array([6.0]), on)[0] == pytest.approx(5.1)
    assert np.isnan(trails.meet(ONE, np.array([9.0]), anew)[0])
    assert trails.meet(ONE, np.array([9.0]), on)[0] == 9.0


def _strengths(values: np.ndarray) -> list[float]:
    memory = Novelty(warm=60, memory_hours=1e6)
    memory.extend(1)
    met = [memory.meet(ONE, np.float32([value]), np.int32([0])) for value in values.tolist()]
    return [float(one.strength[0]) for one in met]


def test_a_trifle_on_a_stream_that_nearly_always_says_the_same_is_no_sensation() -> None:
    values = np.zeros(1000)
    values[200::200] = [5.0, 3.0, 6.0, 7.0]
    assert 0 < _strengths(values)[800] < 2
