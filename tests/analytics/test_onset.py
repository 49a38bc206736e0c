"""Onset: what it tells of, how often, and why."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.detectors import Setup
from analytics.detectors.onset import TERMS, Onset
from analytics.roster import Rows
from analytics.times import DAY
from telemetry.alerts import FindingState, Severity
from telemetry.detection import DetectorSpec, Selector
from telemetry.errors import ConfigError
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, MONDAY

STEP = 15 * MINUTE
DAILY = 96
N = 12 * DAILY
"""Twelve days of a quarter of an hour."""


def told(values: np.ndarray, times: np.ndarray | None = None, **params: object) -> np.ndarray:
    """The scores of one stream's readings."""
    times = MONDAY + STEP * np.arange(len(values)) if times is None else times
    detector = Onset(Setup(worlds.city(), DetectorSpec("onset", "onset", params=params)))
    detector.extend(worlds.roster(worlds.DEVICES[:1]))
    scores = detector.score(Rows(np.zeros(len(values), np.int64), times, values), 0)
    return np.array([round_.scores[0] for round_ in scores])


def quiet(seed: int = 1, n: int = N) -> np.ndarray:
    """A daily swing between 8 and 12, and noise."""
    noise = np.random.default_rng(seed).normal(0.0, 0.1, n)
    return 10.0 + 2.0 * np.sin(2 * np.pi * np.arange(n) / DAILY) + noise


def test_scores_are_shares_and_nan_while_warming_up() -> None:
    scores = told(quiet(), warm_readings=200)
    assert np.isnan(scores[:200]).all()
    assert ((scores[200:] >= 0) & (scores[200:] < 1)).all()


@pytest.mark.parametrize(
    ("change", "term"),
    [(8.0, "value"), (-3.5, "season")],
    ids=["out of the range", "within the range"],
)
def test_a_step_is_told_at_once_and_once(change: float, term: str) -> None:
    values = quiet()
    at = 10 * DAILY + 24  # a quarter into the day: the top of the swing
    values[at:] += change
    scores = told(values)
    loud = np.flatnonzero(scores >= 0.5)
    assert loud[0] == at
    assert (scores[at + 2 : at + 80] < 0.5).all()
    assert TERMS[_strongest(values, at)] == term


@pytest.mark.parametrize(("depth_m", "is_news"), [(0.04, False), (0.08, True)], ids=["kerb", "street"])
def test_a_wet_kerb_is_no_news(depth_m: float, is_news: bool) -> None:
    """A gauge that read zero within millimetres for days finds centimetres novel."""
    values = np.abs(np.random.default_rng(4).normal(0.0, 0.002, N))
    values[1000:1020] += depth_m
    assert (told(values)[1000] >= 0.5) == is_news
    assert told(values, least={"water_level_m": 0.0})[1000] >= 0.5


def test_a_level_between_those_it_knows_is_news() -> None:
    """A pump that runs or stands has never been half open."""
    values = np.where(np.arange(N) % 50 < 25, 0.0, 100.0) + np.random.default_rng(2).normal(0, 1, N)
    values[1010:1020] = 50.0
    assert told(values)[1010] >= 0.5


def test_the_same_again_is_no_news() -> None:
    values = quiet()
    values[900:903] += 8.0
    values[1000:1003] += 8.0
    scores = told(values)
    assert scores[900] >= 0.5
    assert (scores[990:] < 0.5).all()


def test_forgotten_it_is_news_again() -> None:
    values = np.concatenate((quiet(), quiet(2)))
    values[500:503] += 8.0
    values[500 + 15 * DAILY : 503 + 15 * DAILY] += 8.0
    assert told(values)[500 + 15 * DAILY] < 0.5
    assert told(values, memory_days=10.0)[500 + 15 * DAILY] >= 0.5


def test_an_hour_of_the_wrong_kind_counts_for_the_season_term() -> None:
    """The morning's level in the evening: each value is usual, the hour is not."""
    values = quiet()
    noon = 10 * DAILY + 72
    values[noon : noon + 8] = quiet(3)[24:32]
    detector_alone = {"value": 0.0, "residual": 0.0, "shock": 0.0, "season": 1.0}
    scores = told(values, **detector_alone)
    assert scores[noon] >= 0.5
    assert (scores[9 * DAILY : noon] < 0.5).all()
    assert told(values, value=1.0, residual=0.0, shock=0.0, season=0.0)[noon] < 0.5


def test_quiet_time_lets_only_more_through() -> None:
    values = quiet()
    for place, size in ((1000, 8.0), (1010, 11.0), (1020, 80.0)):
        values[place] += size
    scores = told(values)
    assert scores[1000] > 0
    assert scores[1010] == 0
    assert scores[1020] > scores[1000]
    assert told(values, quiet_readings=0)[1010] > 0


def test_quiet_noise_of_many_streams_seldom_alarms() -> None:
    """Four days of 100 streams, after eight to learn from."""
    devices = [worlds.device(f"gauge-{i}", "tide_gauge", "water_level_m") for i in range(100)]
    detector = Onset(Setup(worlds.city(), DetectorSpec("onset", "onset")))
    detector.extend(worlds.roster(devices))
    values = np.stack([quiet(100 + seed) for seed in range(100)])
    streams, times = np.repeat(np.arange(100), N), np.tile(MONDAY + STEP * np.arange(N), 100)
    rounds = detector.score(Rows(streams, times, values.ravel()), 0)
    assert sum(int((one.scores[::2] >= 0.5).sum()) for one in rounds[8 * DAILY :]) <= 4


def test_a_gap_alone_is_no_news() -> None:
    """Eight silent hours: the level has moved on with the swing."""
    times = MONDAY + STEP * np.arange(N)
    keep = (np.arange(N) < 1000) | (np.arange(N) >= 1032)
    scores = told(quiet()[keep], times[keep])
    assert (scores[1000:1005] < 0.5).all()


@pytest.mark.parametrize("step_s", [1, 3600], ids=["a second", "an hour"])
def test_streams_of_any_interval(step_s: int) -> None:
    values = 5.0 + np.random.default_rng(4).normal(0, 1, 600)
    values[500] = 40.0
    times = MONDAY + step_s * 1_000_000 * np.arange(600)
    assert told(values, times)[500] >= 0.5


def test_a_finding_says_what_was_expected_and_which_term_fired() -> None:
    who = worlds.roster()
    stage = worlds.stage("onset")
    stage.extend(who)
    stage.detector.warm(worlds.history(who), worlds.START)
    feed = worlds.with_values(worlds.minutes(who, 60), 0, 30, [2.5])
    found = worlds.flat(worlds.drive(stage, feed))
    raised = next(f for f in found if f.state is FindingState.RAISED)
    assert (raised.key, raised.rule, raised.value) == ("onset:11", "onset", 2.5)
    assert raised.severity is Severity.MAJOR
    assert raised.expected_high is not None
    assert 0.9 < raised.expected_high < 1.1
    assert raised.expected_low is not None
    assert 0.5 < raised.expected_low < 0.8
    assert raised.detail["value"] == max(raised.detail[term] for term in TERMS)


def test_it_watches_what_the_configuration_gives_it() -> None:
    who = worlds.roster()
    spec = DetectorSpec("roads", "onset", select=(Selector(metric=("speed_kmh",)),))
    terms = Onset(Setup(worlds.city(), spec)).extend(who)
    assert {term.stream_id for term in terms} == {12, 15}


@pytest.mark.parametrize("params", [{"minor_at": 2.0}, {"warm_readings": 3}, {"quite": 1}])
def test_bad_parameters_are_named(params: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(params))):
        DetectorSpec("onset", "onset", params=params).parameters()


def test_what_it_keeps_of_a_stream_is_bounded() -> None:
    detector = Onset(Setup(worlds.city(), DetectorSpec("onset", "onset")))
    detector.extend(worlds.roster(worlds.DEVICES[:1]))
    before = sum(column.nbytes for column in detector.state().values())
    values = quiet(n=600)
    detector.score(Rows(np.zeros(600, np.int64), MONDAY + DAY * np.arange(600), values), 0)
    assert sum(column.nbytes for column in detector.state().values()) == before


def _strongest(values: np.ndarray, at: int) -> int:
    detector = Onset(Setup(worlds.city(), DetectorSpec("onset", "onset")))
    detector.extend(worlds.roster(worlds.DEVICES[:1]))
    rows = Rows(np.zeros(at + 1, np.int64), MONDAY + STEP * np.arange(at + 1), values[: at + 1])
    last = detector.score(rows, 0)[-1]
    return int(np.argmax([last.facts[term][0] for term in TERMS]))
