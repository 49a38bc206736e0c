"""Deciding: when a score means that a condition begins, goes on or ends.

Hysteresis, minimum duration and severity are here and nowhere else. Arrays over terms
do the common case, in which nothing changes; Python runs only where something does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.rounds import NEVER
from analytics.scores import Scores, Term
from analytics.times import SECOND, micros, moment
from telemetry.alerts import UNWATCHED, Anomaly, Finding, FindingState, Severity

_TELL_AGAIN_US = 60 * SECOND
"""A condition that only gets worse is told of once a minute at most."""

_EVER_S = 1e9
"""As good as never, and whole microseconds of it fit into 64 bits."""

_KEPT = ("active", "since", "calm", "last", "peak", "told", "told_at")


@dataclass(slots=True)
class _Condition:
    """A finding's key, its terms, and the severity it stands at (``None``: it does not)."""

    key: str
    terms: list[int]
    standing: Severity | None = None


class Decider:
    """Turns the scores of one detector into findings.

    Per term: ``since`` and ``calm``, from when the score has been at least ``raise_at``
    or below ``clear_at`` (`NEVER`: it is not), ``last``, the last scored time, and the
    ``peak`` of a standing term with what of it was ``told`` and when.
    """

    def __init__(self, detector: str) -> None:
        self.detector = detector
        self.terms: list[Term] = []
        self._keys = np.empty(0, np.str_)
        self._conditions: dict[str, _Condition] = {}
        self._bounds = np.empty((0, 7), np.float64)
        self._active = np.empty(0, np.bool_)
        self._since = np.empty(0, np.int64)
        self._calm = np.empty(0, np.int64)
        self._last = np.empty(0, np.int64)
        self._told_at = np.empty(0, np.int64)
        self._peak = np.empty(0, np.float64)
        self._told = np.empty(0, np.float64)

    def extend(self, terms: Sequence[Term]) -> None:
        """Take up more terms; their places follow those known."""
        for place, term in enumerate(terms, len(self.terms)):
            known = self._conditions.setdefault(term.condition, _Condition(term.condition, []))
            known.terms.append(place)
        self.terms.extend(terms)
        self._keys = np.array([term.key for term in self.terms], np.str_)
        rows = [
            (t.raise_at, t.clear_at, t.min_duration_s, t.hold_s, min(t.gap_s, _EVER_S), t.step,
             min(t.retell_s, _EVER_S)) for t in terms
        ]  # fmt: skip
        self._bounds = np.concatenate((self._bounds, np.array(rows, np.float64).reshape(-1, 7)))
        n = len(self.terms)
        self._active = grown(self._active, n, False)
        self._since, self._calm = grown(self._since, n, NEVER), grown(self._calm, n, NEVER)
        self._last, self._told_at = grown(self._last, n, NEVER), grown(self._told_at, n, 0)
        self._peak, self._told = grown(self._peak, n, np.nan), grown(self._told, n, 0.0)

    def decide(self, rounds: Iterable[Scores]) -> list[Finding]:
        """Findings of these scores, in order."""
        return [finding for scores in rounds if len(scores) for finding in self._round(scores)]

    def standing(self) -> dict[str, Severity]:
        """Conditions that stand, by key."""
        return {c.key: c.standing for c in self._conditions.values() if c.standing is not None}

    def adopt(self, anomalies: Iterable[Anomaly], now: int) -> list[Finding]:
        """Make the standing conditions those the store knows.

        What the store has standing and this decider does not is taken up, so that the
        next score that is back to normal ends it. Where its terms are gone (a threshold
        was removed), the finding that ends it is returned.
        """
        orphans: list[Finding] = []
        standing = self.standing()
        for anomaly in anomalies:
            if anomaly.detector != self.detector or anomaly.key in standing:
                continue
            condition = self._conditions.get(anomaly.key)
            if condition is None:
                orphans.append(ended(anomaly, now))
                continue
            condition.standing = anomaly.severity
            terms = [i for i in condition.terms if self.terms[i].severity.rank <= anomaly.severity.rank]
            self._active[terms] = True
            self._told_at[terms] = micros(anomaly.updated_at)
        return orphans

    def state(self) -> Columns:
        """What is pending or stands; terms at rest are left out."""
        rows = np.flatnonzero(self._active | (self._since != NEVER))
        standing = self.standing()
        kept: Columns = {name: getattr(self, f"_{name}")[rows] for name in _KEPT}
        kept["term"] = self._keys[rows]
        kept["condition"] = np.array(list(standing), np.str_)
        kept["severity"] = np.array([str(s) for s in standing.values()], np.str_)
        return kept

    def restore(self, state: Columns) -> None:
        """Take up a kept state; terms and conditions that are gone are forgotten."""
        source, target = match(state["term"], self._keys)
        for name in _KEPT:
            getattr(self, f"_{name}")[target] = state[name][source]
        for key, severity in zip(state["condition"].tolist(), state["severity"].tolist(), strict=True):
            if key in self._conditions:
                self._conditions[key].standing = Severity(severity)

    def _round(self, scores: Scores) -> list[Finding]:
        known = np.flatnonzero(~np.isnan(scores.scores))
        terms, times, values = scores.terms[known], scores.times[known], scores.scores[known]
        raise_at, clear_at, min_s, hold_s, gap_s, step, retell_s = self._bounds[terms].T
        active = self._active[terms]
        if not active.any() and not (values >= raise_at).any():
            self._rest(terms, times, values < clear_at)
            return []
        since, last = self._since[terms], self._last[terms]
        apart = np.where(last == NEVER, 0, times - last)
        fresh = (since == NEVER) | (apart > gap_s * SECOND)
        above, below = values >= raise_at, values < clear_at
        since = np.where(active, since, np.where(above, np.where(fresh, times, since), NEVER))
        calm = self._calm[terms]
        calm = np.where(below, np.where(calm == NEVER, times, calm), NEVER)
        rising = ~active & above & (times - np.where(above, since, times) >= min_s * SECOND)
        falling = active & below & (times - np.where(below, calm, times) >= hold_s * SECOND)
        worse = active & ~falling & (values > self._told[terms] + step)
        untold = times - self._told_at[terms]
        again = (worse & (untold >= _TELL_AGAIN_US)) | (active & ~falling & (untold >= retell_s * SECOND))
        stands = (active | rising) & ~falling
        if scores.news is not None:
            again |= active & ~falling & scores.news[known] & (untold >= _TELL_AGAIN_US)
        self._active[terms] = stands
        self._since[terms], self._calm[terms], self._last[terms] = (
            np.where(falling, NEVER, since),
            calm,
            times,
        )
        self._peak[terms] = np.where(stands, np.fmax(self._peak[terms], values), np.nan)
        self._told[terms] = np.where(rising, values, self._told[terms])
        self._told_at[terms] = np.where(rising, times, self._told_at[terms])
        changed = np.flatnonzero(rising | falling | again)
        return self._tell(scores, known[changed]) if len(changed) else []

    def _rest(self, terms: NDArray[np.int64], times: NDArray[np.int64], below: NDArray[np.bool_]) -> None:
        """As `_round`, where none of the terms stands or is to: nearly always."""
        calm = self._calm[terms]
        self._calm[terms] = np.where(below, np.where(calm == NEVER, times, calm), NEVER)
        self._since[terms], self._last[terms], self._peak[terms] = NEVER, times, np.nan

    def _tell(self, scores: Scores, rows: NDArray[np.intp]) -> list[Finding]:
        """The findings of the rows whose terms changed, one a condition."""
        by_condition: dict[str, int] = {}
        for row in rows.tolist():
            key = self.terms[scores.terms[row]].condition
            best = by_condition.get(key)
            if best is None or self._rank(scores, row) >= self._rank(scores, best):
                by_condition[key] = row
        found = (self._finding(scores, row) for row in by_condition.values())
        return [finding for finding in found if finding is not None]

    def _rank(self, scores: Scores, row: int) -> tuple[bool, int]:
        place = int(scores.terms[row])
        return bool(self._active[place]), self.terms[place].severity.rank

    def _finding(self, scores: Scores, row: int) -> Finding | None:
        place = int(scores.terms[row])
        condition = self._conditions[self.terms[place].condition]
        worst = max(
            (self.terms[i].severity for i in condition.terms if self._active[i]), key=_rank, default=None
        )
        before, state = self._before(condition, worst), FindingState.ONGOING
        if before is None:
            state, condition.standing = FindingState.RAISED, worst
        elif worst is None:
            state, condition.standing = FindingState.CLEARED, None
        elif self.terms[place].severity.rank < before.rank or not self._active[place]:
            return None  # a milder term came or went; what was told still holds
        else:
            condition.standing = max(before, worst, key=_rank)
        severity = condition.standing or before
        assert severity is not None
        finding = _describe(
            self.detector, self.terms[place], scores, row, state, severity, self._detail(place)
        )
        self._told[place], self._told_at[place] = self._peak[place], scores.times[row]
        return finding

    def _before(self, condition: _Condition, worst: Severity | None) -> Severity | None:
        """What the condition stood at, brought down to its terms where they ease.

        Those that still stand are then told at their next score.
        """
        before = condition.standing
        if worst is None or before is None or not self.terms[condition.terms[0]].eases:
            return before
        if worst.rank < before.rank:
            self._told_at[condition.terms] = -round(_EVER_S * SECOND)
        condition.standing = min(before, worst, key=_rank)
        return condition.standing

    def _detail(self, place: int) -> dict[str, Any]:
        detail = dict(self.terms[place].detail)
        if self._active[place]:
            detail["peak_score"] = _number(float(self._peak[place]))
            if self._since[place] != NEVER:
                detail["since"] = moment(int(self._since[place])).isoformat()
        return detail


def _describe(
    detector: str,
    term: Term,
    scores: Scores,
    row: int,
    state: FindingState,
    severity: Severity,
    detail: dict[str, Any],
) -> Finding:
    facts = {name: _plain(column[row]) for name, column in scores.facts.items()}
    return Finding(
        key=term.condition,
        state=state,
        detector=detector,
        rule=term.rule,
        stream_id=scores.about.get(row, term.stream_id),
        severity=severity,
        at=moment(int(scores.times[row])),
        value=_number(float(scores.values[row])),
        expected_low=_number(float(scores.lows[row])),
        expected_high=_number(float(scores.highs[row])),
        score=_number(float(scores.scores[row])),
        detail={
            **detail,
            **facts,
            **scores.pictures.get(row, {}),
            "term": term.key,
            "raise_at": term.raise_at,
        },
    )


def ended(anomaly: Anomaly, now: int) -> Finding:
    """The finding that ends what nothing watches any more."""
    return Finding(
        key=anomaly.key,
        state=FindingState.CLEARED,
        detector=anomaly.detector,
        rule=anomaly.rule,
        stream_id=anomaly.stream_id,
        severity=anomaly.severity,
        at=max(moment(now), anomaly.started_at),
        detail={"reason": UNWATCHED},
    )


def _rank(severity: Severity) -> int:
    return severity.rank


def _plain(fact: Any) -> Any:
    """A fact as JSON has it: a word, a number, or a list of numbers."""
    if isinstance(fact, str):
        return str(fact)
    if isinstance(fact, np.ndarray):
        return [_number(float(value)) for value in fact]
    return _number(float(fact))


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
