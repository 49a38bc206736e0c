"""VUS-PR by worked examples, and what chance gets."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.evaluation.surface import vus_pr

TRUTH = np.zeros(1_000, np.bool_)
TRUTH[400:440] = TRUTH[700:760] = True


def test_a_perfect_score_without_buffer_is_one() -> None:
    assert vus_pr(TRUTH.astype(float), TRUTH, 0) == pytest.approx(1.0)


def test_by_hand() -> None:
    """Four samples, one anomaly; the highest score is wrong, the second right.

    At the first threshold nothing is found; at the second half of what was told is right,
    and all of it: area 1 · ½.
    """
    scores, truth = np.array([0.9, 0.1, 0.5, 0.2]), np.array([False, False, True, False])
    assert vus_pr(scores, truth, 0) == pytest.approx(0.5)


def test_half_of_the_anomalies_is_a_quarter_of_the_recall() -> None:
    """Range recall: the share of samples times the share of anomalies touched, ½ · ½."""
    truth = np.array([True, False, True, False])
    scores = np.array([1.0, 0.0, 0.0, 0.0])
    # thresholds 1 and 0: recall ¼ at precision 1, then 1 at precision ½
    assert vus_pr(scores, truth, 0) == pytest.approx(0.25 * 1.0 + 0.75 * 0.5)


def test_a_little_late_is_not_all_wrong() -> None:
    late = np.roll(TRUTH, 10).astype(float)
    far = np.roll(TRUTH, 200).astype(float)
    assert vus_pr(far, TRUTH, 60) < 0.4 < vus_pr(late, TRUTH, 60) < 1.0
    assert vus_pr(late, TRUTH, 0) < vus_pr(late, TRUTH, 60)


def test_chance_gets_about_the_share_that_is_labelled() -> None:
    scores = np.random.default_rng(4).random(len(TRUTH))
    assert vus_pr(scores, TRUTH, 0) == pytest.approx(TRUTH.mean(), abs=0.05)


def test_missing_scores_count_as_lowest() -> None:
    scores = TRUTH.astype(float)
    scores[:100] = np.nan
    assert vus_pr(scores, TRUTH, 0) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("scores", "truth", "buffer"),
    [
        (np.zeros(3), np.zeros(4, np.bool_), 0),
        (np.zeros(3), np.zeros(3, np.bool_), 0),
        (np.zeros(3), np.ones(3, np.bool_), -1),
    ],
    ids=["shapes", "no label", "buffer"],
)
def test_bad_input_is_told(scores: np.ndarray, truth: np.ndarray, buffer: int) -> None:
    with pytest.raises(ValueError, match=r"shape|labelled|buffer"):
        vus_pr(scores, truth, buffer)
