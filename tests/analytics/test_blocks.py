"""Many commits at once: every detector finds what it finds one by one, however late readings are."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from analytics.blocks import Block, join, score_commits
from analytics.engine import Engine
from analytics.roster import Rows
from analytics.stages import make_pipeline
from telemetry.alerts import Finding
from telemetry.detection import Configuration, DetectorSpec
from tests.analytics import worlds
from tests.analytics.test_detector_contract import KINDS, PARAMS, feed_of
from tests.analytics.worlds import START, Commit

SPECS = tuple(DetectorSpec(kind, kind, params=PARAMS.get(kind, {})) for kind in KINDS)
FEEDS = {
    "an eventful morning, little late": ("limits", 0.02),
    "an eventful morning, much late": ("limits", 0.3),
    "smoke": ("vn_aqi", 0.02),
    "a rising river": ("forecast", 0.1),
}


@pytest.fixture(scope="module")
def taught() -> Engine:
    """All detectors, in a town that has learnt a quiet week; tests take copies."""
    city = replace(worlds.city(), detection=Configuration(SPECS))
    made = Engine(make_pipeline(city, city.detection))
    roster = worlds.roster()
    made.extend(list(roster.streams), list(roster.devices.values()))
    past = worlds.history(roster)
    for stage in made.pipeline.stages:
        stage.detector.warm(past, START)
        stage.detector.learn(stage.detector.fit(roster, past))
    return made


def scattered(feed: Iterable[Commit], seed: int, share_late: float) -> list[Commit]:
    """The feed in small commits; some readings come up to eight commits late, some of these twice."""
    rng = np.random.default_rng(seed)
    commits: list[Commit] = []
    waiting: list[tuple[int, Rows]] = []
    for i, commit in enumerate(feed):
        late = rng.random(len(commit.rows)) < share_late
        waiting += [(i + int(rng.integers(1, 9)), commit.rows.take(late))] if late.any() else []
        due = join([rows for when, rows in waiting if when == i])
        rest = commit.rows.take(rng.permutation(np.flatnonzero(~late)))
        cut = int(rng.integers(0, len(rest) + 1))
        parts = [rest.take(np.arange(cut)), join([due, rest.take(np.arange(cut, len(rest)))])]
        commits += [Commit(part, commit.now + 1000 * k) for k, part in enumerate(parts)]
    return commits


def block_of(commits: list[Commit]) -> Block:
    rows, ends = [commit.rows for commit in commits], np.cumsum([len(commit.rows) for commit in commits])
    return Block(join(rows), np.array([commit.now for commit in commits]), ends)


def by_key(findings: list[Finding]) -> dict[str, list[Finding]]:
    keys = sorted({finding.key for finding in findings})
    return {key: [finding for finding in findings if finding.key == key] for key in keys}


@pytest.mark.parametrize(("kind", "share_late"), FEEDS.values(), ids=FEEDS)
def test_blocks_find_what_commits_find(taught: Engine, kind: str, share_late: float) -> None:
    commits = scattered(feed_of(kind), 3, share_late)
    single, whole = deepcopy(taught), deepcopy(taught)
    expected = [finding for commit in commits for finding in single.score_rows(commit.rows, commit.now)]
    found: list[Finding] = []
    for first in range(0, len(commits), 40):
        for piece in block_of(commits[first : first + 40]).orderly():
            found += score_commits(whole, piece)
    assert by_key(found) == by_key(expected)
    assert len({finding.detector for finding in found}) >= 4
    for table, columns in single.state().items():
        for name, column in columns.items():
            np.testing.assert_array_equal(whole.state()[table][name], column, err_msg=f"{table}/{name}")
    assert whole.counts.unfit == single.counts.unfit


def cuts(streams: list[int], times: list[int], ends: list[int]) -> list[int]:
    rows = Rows(np.array(streams), np.array(times), np.zeros(len(times)))
    return [len(piece) for piece in Block(rows, np.arange(len(ends)), np.array(ends)).orderly()]


def test_a_commit_that_goes_back_in_time_is_for_itself() -> None:
    assert cuts([0, 1, 0, 1], [5, 5, 6, 6], [1, 2, 3, 4]) == [4]
    assert cuts([0, 1, 0, 1], [5, 5, 4, 6], [1, 2, 3, 4]) == [2, 1, 1]
    assert cuts([0, 0, 0, 0], [5, 7, 6, 8], [1, 3, 3, 4]) == [1, 1, 2]
    assert cuts([0, 0], [5, 5], [1, 2]) == [1, 1]


def test_turns_go_forward_within_a_piece() -> None:
    block = Block(Rows(np.zeros(5, np.int64), np.arange(5), np.zeros(5)), np.arange(5), np.arange(1, 6))
    never = np.iinfo(np.int64).min

    def cut(*turns: int) -> list[int]:
        return [len(piece) for piece in block.in_turn(np.array(turns))]

    assert cut(3, 3, never, 3, 4) == [5]
    assert cut(3, 4, 3, 4, 4) == [2, 3]
    assert cut(3, 4, 90, 91, 91) == [2, 3]
    assert cut(never, never, never, never, never) == [5]
