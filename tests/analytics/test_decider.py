"""Hysteresis, minimum duration, severities, and what is told when."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.decider import Decider
from analytics.scores import Scores, Term
from analytics.times import SECOND, moment
from telemetry.alerts import Anomaly, Finding, FindingState, Severity

RAISED, ONGOING, CLEARED = FindingState.RAISED, FindingState.ONGOING, FindingState.CLEARED
MINOR, MAJOR, CRITICAL = Severity.MINOR, Severity.MAJOR, Severity.CRITICAL
STEP_S = 10


def term(severity: Severity = MINOR, raise_at: float = 5.0, clear_at: float = 3.0, **more: float) -> Term:
    return Term(f"x:{severity}", "x", "rule", 7, severity, raise_at, clear_at, **more)


def decider(*terms: Term) -> Decider:
    made = Decider("test")
    made.extend(terms or (term(),))
    return made


def feed(made: Decider, *values: float, start_s: int = 0) -> list[Finding]:
    """Every term gets each value, ten seconds apart."""
    n = len(made.terms)
    rounds = [
        Scores(
            np.arange(n),
            np.full(n, (start_s + i * STEP_S) * SECOND),
            *(np.full(n, value, float) for _ in range(4)),
        )
        for i, value in enumerate(values)
    ]
    return made.decide(rounds)


def story(findings: list[Finding]) -> list[tuple[FindingState, Severity, int]]:
    return [(f.state, f.severity, round(f.at.timestamp())) for f in findings]


def test_hysteresis() -> None:
    found = feed(decider(), 1, 5, 4, 4.9, 3, 2.9, 4, 4.9, 5)
    assert story(found) == [(RAISED, MINOR, 10), (CLEARED, MINOR, 50), (RAISED, MINOR, 80)]


def test_minimum_duration_is_unbroken_time_above() -> None:
    found = feed(decider(term(min_duration_s=30)), 6, 6, 6, 4, 6, 6, 6, 6, 6)
    assert story(found) == [(RAISED, MINOR, 70)]
    assert found[0].detail["since"] == moment(40 * SECOND).isoformat()


def test_a_gap_starts_the_wait_anew() -> None:
    made = decider(term(min_duration_s=30, gap_s=25))
    assert feed(made, 6, 6) == []
    assert story(feed(made, 6, 6, 6, 6, start_s=40)) == [(RAISED, MINOR, 70)]


def test_hold_keeps_a_flapping_condition_as_one() -> None:
    found = feed(decider(term(hold_s=20)), 6, 1, 6, 1, 1, 1, 1)
    assert story(found) == [(RAISED, MINOR, 0), (CLEARED, MINOR, 50)]


def test_a_ladder_is_one_condition_at_the_worst_severity_reached() -> None:
    ladder = (term(), term(MAJOR, 8, 7), term(CRITICAL, 12, 11))
    found = feed(decider(*ladder), 6, 9, 13, 9, 6, 4, 13, 2)
    assert story(found) == [
        (RAISED, MINOR, 0),
        (ONGOING, MAJOR, 10),
        (ONGOING, CRITICAL, 20),
        (ONGOING, CRITICAL, 60),
        (CLEARED, CRITICAL, 70),
    ]


def test_a_jump_to_the_top_is_one_finding() -> None:
    found = feed(decider(term(), term(MAJOR, 8, 7), term(CRITICAL, 12, 11)), 20)
    assert story(found) == [(RAISED, CRITICAL, 0)]
    assert found[0].detail["term"] == "x:critical"


def test_getting_worse_is_told_again_but_not_at_every_reading() -> None:
    found = feed(decider(term(step=1.0)), 6, *(7 + 0.5 * i for i in range(20)))
    assert [f.state for f in found] == [RAISED, ONGOING, ONGOING, ONGOING]
    assert [round(f.at.timestamp()) for f in found] == [0, 60, 120, 180]


def test_nan_is_no_word_either_way() -> None:
    nan = float("nan")
    assert story(feed(decider(), nan, 6, nan, nan, 2)) == [(RAISED, MINOR, 10), (CLEARED, MINOR, 40)]


def test_restart_keeps_what_is_pending_and_what_stands() -> None:
    terms = (term(min_duration_s=30), term(MAJOR, 8, 7))
    before = decider(*terms)
    assert story(feed(before, 6, 6)) == []
    after = decider(*terms)
    after.restore(before.state())
    assert story(feed(after, 6, 6, start_s=20)) == [(RAISED, MINOR, 30)]
    again = decider(*terms)
    again.restore(after.state())
    assert again.standing() == {"x": MINOR}
    assert story(feed(again, 6, 9, 1, start_s=40)) == [(ONGOING, MAJOR, 50), (CLEARED, MAJOR, 60)]


def anomaly(key: str, detector: str = "test", severity: Severity = MAJOR) -> Anomaly:
    at = moment(0)
    return Anomaly(1, key, detector, "rule", 7, severity, at, at, None, 9.0, None, None, 9.0, {})


def test_adopting_what_the_store_has_standing() -> None:
    made = decider(term(), term(MAJOR, 8, 7), term(CRITICAL, 12, 11))
    assert made.adopt([anomaly("x")], now=0) == []
    assert story(feed(made, 6, 4, 2)) == [(CLEARED, MAJOR, 20)]


def test_what_is_no_longer_watched_is_ended() -> None:
    found = decider().adopt([anomaly("gone"), anomaly("other", detector="else")], now=5 * SECOND)
    assert [(f.key, f.state) for f in found] == [("gone", CLEARED)]


@pytest.mark.parametrize("value", [float("inf"), -float("inf")])
def test_infinities_stay_out_of_findings(value: float) -> None:
    found = feed(decider(), 6, value, 1)
    assert all(f.score is None or np.isfinite(f.score) for f in found)


def test_a_standing_term_is_told_again_after_a_while_with_fresh_facts() -> None:
    made = decider(term(retell_s=60))
    found = feed(made, *([6.0] * 14))
    assert story(found) == [(RAISED, MINOR, 0), (ONGOING, MINOR, 60), (ONGOING, MINOR, 120)]


def test_a_condition_may_ease_with_its_terms() -> None:
    made = decider(term(eases=True, retell_s=600), term(MAJOR, 8, 7, eases=True, retell_s=600))
    assert story(feed(made, 9, 6, 6, 1)) == [(RAISED, MAJOR, 0), (ONGOING, MINOR, 20), (CLEARED, MINOR, 30)]


def test_facts_may_be_words_and_rows() -> None:
    made = decider()
    numbers = np.array([6.0])
    facts = {"word": np.array(["pm2_5"]), "row": np.array([[1.0, np.nan]]), "number": np.array([np.inf])}
    (found,) = made.decide([Scores(np.array([0]), np.array([0]), *[numbers] * 4, facts)])
    assert {name: found.detail[name] for name in facts} == {
        "word": "pm2_5",
        "row": [1.0, None],
        "number": None,
    }
