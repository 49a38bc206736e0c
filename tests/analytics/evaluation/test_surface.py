"""VUS-PR by worked examples, and what chance gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from analytics.evaluation.surface import beside, labelled, vus_pr
from telemetry.labels import Label, Meaning
from telemetry.readings import to_micros

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


def test_a_buffer_by_hand() -> None:
    """Six samples, the third labelled, the second told highest and the third next; a buffer of 2.

    Buffer 0: the first told is wrong, the second right: ½. Buffer 1 reaches no sample: the
    same. Buffer 2: each neighbour weighs e = √½. After the first, hits e of 1 + e/2 to be
    found; after the second, e + 1 of 1 + e/2, which is all of it.
    """
    scores = np.array([0.0, 0.9, 0.5, 0.0, 0.0, 0.0])
    truth = np.array([False, False, True, False, False, False])
    e = np.sqrt(0.5)
    first = e / (1 + e / 2)
    third = first * e / 1 + (1 - first) * (1 + e) / 2
    # the rest are told together, and recall has been whole before
    assert vus_pr(scores, truth, 2) == pytest.approx((0.5 + 0.5 + third) / 3)


def test_anomalies_whose_buffers_overlap_are_one() -> None:
    truth = np.zeros(40, np.bool_)
    truth[10:12] = truth[15:17] = True
    one = np.zeros(40)
    one[10:12] = 1.0
    narrow, wide = vus_pr(one, truth, 0), vus_pr(one, truth, 12)
    # apart, half the samples of half the anomalies are a quarter of the recall; as one, all of it is touched
    assert narrow == pytest.approx(0.25 + 0.75 * 0.1)
    assert wide > 1.5 * narrow


def test_beside_scores_that_cannot_know() -> None:
    late = np.roll(TRUTH, 5).astype(float)
    found = beside(late, TRUTH, 40)
    assert list(found) == ["this", "constant", "random", "periodic"]
    assert found["this"] > 0.8
    assert max(found["constant"], found["random"], found["periodic"]) < 0.3
    assert beside(late, TRUTH, 40) == found
    assert beside(late, TRUTH, 40, seed=1)["random"] != found["random"]


def test_a_streams_truth_is_what_happened_to_it() -> None:
    start = datetime(2026, 6, 1, tzinfo=UTC)
    times = to_micros(start) + np.arange(10) * 60_000_000

    def label(first: int, last: int, **more: object) -> Label:
        return Label(
            "x", ("a", "b"), start + timedelta(minutes=first), start + timedelta(minutes=last), **more
        )

    labels = [label(1, 2), label(4, 4, metrics=("m",)), label(6, 6, metrics=("n",))]
    labels += [label(8, 9, meaning=Meaning.NUISANCE)]
    assert np.flatnonzero(labelled(times, labels, "a", "m")).tolist() == [1, 2, 4]
    assert not labelled(times, labels, "c", "m").any()


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
