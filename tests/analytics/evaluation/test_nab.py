"""The NAB score, by hand and by the rules of the published scorer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from analytics.evaluation.nab import (
    LOW_FN,
    LOW_FP,
    PROFILES,
    STANDARD,
    Profile,
    ScoredSeries,
    at_threshold,
    cross_validated,
    optimum,
    probation,
    scaled_sigmoid,
)

N = 100
WINDOW = (40, 49)


def series(
    alarms: dict[int, float], windows: Sequence[tuple[int, int]] = (WINDOW,), n: int = N
) -> ScoredSeries:
    scores = np.zeros(n)
    for row, score in alarms.items():
        scores[row] = score
    return ScoredSeries("a.csv", scores, windows)


@pytest.mark.parametrize(
    ("position", "worth"), [(-1.0, 0.98661), (-0.5, 0.84828), (0.0, 0.0), (1.0, -0.98661), (3.0, -1.0)]
)
def test_the_papers_points_of_the_sigmoid(position: float, worth: float) -> None:
    assert scaled_sigmoid(np.array(position)) == pytest.approx(worth, abs=1e-5)


@pytest.mark.parametrize(("n_rows", "rows"), [(100, 15), (1003, 150), (5000, 750), (22_695, 750)])
def test_probation(n_rows: int, rows: int) -> None:
    assert probation(n_rows) == rows


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_an_alarm_on_every_first_row_is_perfect(profile: Profile) -> None:
    assert at_threshold([series({40: 1.0})], profile, 0.5).score == pytest.approx(100.0)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_silence_is_nothing(profile: Profile) -> None:
    assert at_threshold([series({})], profile, 0.5).score == 0.0


def test_one_late_alarm_and_one_outside() -> None:
    """Row 45 is 5 of 10 rows from behind the edge; row 30 has no window before it."""
    found = (2 / (1 + math.exp(-5 * 0.5)) - 1) / (2 / (1 + math.exp(-5)) - 1)
    result = at_threshold([series({45: 1.0, 46: 1.0, 30: 1.0})], STANDARD, 0.5)
    assert result.score == pytest.approx(100 * (found - 0.11 + 1) / 2)
    assert (result.found, result.windows, result.false) == (1, 1, 1)


def test_profiles_weigh_the_same_alarms_differently() -> None:
    two = [series({40: 1.0, 20: 1.0}, [(40, 49), (70, 79)])]
    assert at_threshold(two, STANDARD, 0.5).score == pytest.approx(100 * (1 - 1 - 0.11 + 2) / 4)
    assert at_threshold(two, LOW_FP, 0.5).score == pytest.approx(100 * (1 - 1 - 0.22 + 2) / 4)
    assert at_threshold(two, LOW_FN, 0.5).score == pytest.approx(100 * (1 - 2 - 0.11 + 4) / 6)


def test_an_alarm_just_behind_a_window_costs_less() -> None:
    """The last row of a ten-row window is 0 behind it, and nine rows on it is a width."""
    behind = [at_threshold([series({row: 1.0})], STANDARD, 0.5).score for row in (50, 58, 76, 99)]
    cost = [0.11 * (2 / (1 + math.exp(-5 * k / 9)) - 1) for k in (1, 9)] + [0.11 * (1 - 0.0), 0.11]
    assert behind == pytest.approx([-50 * c for c in cost], abs=1e-3)


def test_alarms_in_probation_do_not_count() -> None:
    assert at_threshold([series({14: 1.0})], STANDARD, 0.5).false == 0
    assert at_threshold([series({15: 1.0})], STANDARD, 0.5).false == 1


def test_a_window_within_probation_does_not_count() -> None:
    assert at_threshold([series({40: 1.0}, [(2, 9), WINDOW])], STANDARD, 0.5).windows == 1


def test_one_threshold_serves_all_series() -> None:
    """0.4 finds both windows for one alarm outside; 0.6 would miss one."""
    both = [series({40: 0.9, 20: 0.5}), series({40: 0.4})]
    best = optimum(both, STANDARD)
    assert (best.threshold, best.found, best.false) == (0.4, 2, 1)
    assert best.score == pytest.approx(100 * (2 - 0.11 + 2) / 4)
    assert at_threshold(both, STANDARD, 0.6).score == pytest.approx(50.0)


def test_the_optimum_may_be_never_to_speak() -> None:
    noisy = series(dict.fromkeys(range(15, 40), 1.0))
    assert optimum([noisy], STANDARD).threshold == math.inf


def test_brute_force_agrees() -> None:
    """The sweep against counting each threshold's alarms anew."""
    chance = np.random.default_rng(4)
    many = [
        ScoredSeries(str(i), chance.random(n).round(2), windows)
        for i, (n, windows) in enumerate([(200, [(50, 69), (120, 130)]), (90, []), (300, [(100, 100)])])
    ]
    for profile in PROFILES:
        for threshold in (0.2, 0.77, 0.995):
            expected = sum(_plain(one, profile, threshold) for one in many)
            null, perfect = -3 * profile.missed, 3 * profile.found
            wanted = 100 * (expected - null) / (perfect - null)
            assert at_threshold(many, profile, threshold).score == pytest.approx(wanted)


def test_cross_validation_uses_the_other_folds_threshold() -> None:
    """The second fold's best threshold, 0.2, lets the first one's false alarms through."""
    strict, loose = series({40: 0.9, 20: 0.5, 21: 0.5}), series({40: 0.2})
    assert cross_validated([[strict], [loose]], STANDARD) == pytest.approx(100 * (1 - 0.22 - 1 + 2) / 4)


@pytest.mark.parametrize("windows", [[(49, 40)], [(40, 49), (49, 60)], [(90, 100)]])
def test_windows_that_do_not_fit_are_refused(windows: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match=r"a\.csv: window"):
        optimum([series({}, windows)], STANDARD)


def test_without_windows_there_is_no_score() -> None:
    with pytest.raises(ValueError, match="no series has a window"):
        optimum([series({}, [])], STANDARD)


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a\.csv: a score"):
        optimum([series({50: math.nan})], STANDARD)


def _plain(one: ScoredSeries, profile: Profile, threshold: float) -> float:
    """The raw score of a series, row by row."""
    total, inside = 0.0, set[int]()
    alarms = [i for i in range(probation(len(one.scores)), len(one.scores)) if one.scores[i] >= threshold]
    for first, last in one.windows:
        inside |= set(range(first, last + 1))
        hits = [i for i in alarms if first <= i <= last]
        if not hits:
            total -= profile.missed
            continue
        place = -(last - hits[0] + 1) / (last - first + 1)
        total += profile.found * float(scaled_sigmoid(np.array(place)) / scaled_sigmoid(np.array(-1.0)))
    for i in alarms:
        if i in inside:
            continue
        before = [w for w in one.windows if w[1] < i]
        place = (i - before[-1][1]) / max(before[-1][1] - before[-1][0], 1) if before else 3.0
        total += profile.false * float(scaled_sigmoid(np.array(place)))
    return total
