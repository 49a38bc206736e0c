"""Scores over time: who sees a label, what a nuisance leaves out, what is none of anybody's business."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics.evaluation.over_time import MEASURES, Grid, measure
from analytics.times import SECOND, moment
from telemetry.labels import Label, Meaning

START = 1_777_000_000 * SECOND
GRID = Grid(("a", "b"), START, 300 * SECOND, 1_000)
NEVER = np.full((2, GRID.n), -np.inf, np.float32)


def label(device: str, first: int, last: int, meaning: Meaning = Meaning.HAPPENED) -> Label:
    start, end = (moment(START + bucket * GRID.width) for bucket in (first, last))
    return Label("flood", (device,), start, end, meaning=meaning)


def told(*places: tuple[int, int]) -> NDArray[np.float32]:
    scores = NEVER.copy()
    for row, bucket in places:
        scores[row, bucket] = 2.0
    return scores


def test_who_tells_at_once_is_perfect_and_both_together_are() -> None:
    labels = [label("a", 400, 420), label("b", 700, 710)]
    found = measure({"one": told((0, 400)), "other": told((1, 700))}, GRID, labels)
    assert found["this"]["nab_as_set"] == pytest.approx(100.0)
    assert found["one"]["nab_as_set"] == pytest.approx(50.0)
    assert found["never"] == {**dict.fromkeys(MEASURES, 0.0), "vus_pr": found["always"]["vus_pr"]}
    assert found["always"]["nab_standard"] < -100.0


def test_a_threshold_that_is_set_too_high_is_told_apart() -> None:
    found = measure({"one": told((0, 400)) / 4}, GRID, [label("a", 400, 420)])["one"]
    assert (found["nab_standard"], found["nab_as_set"]) == (pytest.approx(100.0), 0.0)


def test_a_nuisance_counts_neither_way_and_a_false_alarm_counts() -> None:
    happened, alarms = label("a", 400, 420), told((0, 400), (1, 800))
    without = measure({"one": alarms}, GRID, [happened])["one"]["nab_as_set"]
    within = measure({"one": alarms}, GRID, [happened, label("b", 790, 810, Meaning.NUISANCE)])
    assert without == pytest.approx(100.0 - 11.0 / 2)
    assert within["one"]["nab_as_set"] == pytest.approx(100.0)


@pytest.mark.parametrize(
    "labels", [[], [label("c", 400, 420)], [label("a", 3, 5)]], ids=["none", "another's", "in probation"]
)
def test_nothing_is_measured_against_nothing(labels: list[Label]) -> None:
    assert measure({"one": NEVER}, GRID, labels) == {}


def test_what_shows_late_still_belongs_to_its_label() -> None:
    late = round(timedelta(minutes=25) / timedelta(minutes=5))
    found = measure({"one": told((0, 420 + late))}, GRID, [label("a", 400, 420)])["one"]
    assert found["nab_as_set"] > 0.0
