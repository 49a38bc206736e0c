"""Episodes: what findings amount to, each condition from its start to its end; and comparing two lots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from telemetry.alerts import Finding, FindingState, Severity


@dataclass(frozen=True, slots=True)
class Episode:
    """One condition on one stream: what would have been an anomaly, and an alert.

    ``ended_at`` is ``None`` where it still stood at the end. ``severity``, ``value``, the
    expected range and ``detail`` are what was told last, ``score`` is the highest told.
    """

    key: str
    detector: str
    rule: str
    stream_id: int
    severity: Severity
    started_at: datetime
    ended_at: datetime | None = None
    value: float | None = None
    expected_low: float | None = None
    expected_high: float | None = None
    score: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])


def episodes_of(findings: Iterable[Finding]) -> list[Episode]:
    """Episodes by start and key, as `store.anomalies.apply_findings` would have written them."""
    standing: dict[str, Episode] = {}
    ended: list[Episode] = []
    for finding in findings:
        known = standing.get(finding.key)
        if finding.state is FindingState.CLEARED:
            if known is not None:
                ended.append(replace(standing.pop(finding.key), ended_at=finding.at))
        elif known is None:
            if finding.state is FindingState.RAISED:
                standing[finding.key] = _begun(finding)
        elif finding.state is FindingState.ONGOING:
            standing[finding.key] = _going_on(known, finding)
    return sorted([*ended, *standing.values()], key=lambda episode: (episode.started_at, episode.key))


def _begun(finding: Finding) -> Episode:
    return Episode(
        key=finding.key,
        detector=finding.detector,
        rule=finding.rule,
        stream_id=finding.stream_id,
        severity=finding.severity,
        started_at=finding.at,
        value=finding.value,
        expected_low=finding.expected_low,
        expected_high=finding.expected_high,
        score=finding.score,
        detail=finding.detail,
    )


def _going_on(episode: Episode, finding: Finding) -> Episode:
    scores = [score for score in (episode.score, finding.score) if score is not None]
    return replace(
        episode,
        severity=finding.severity,
        value=finding.value,
        expected_low=finding.expected_low,
        expected_high=finding.expected_high,
        score=max(scores, default=None),
        detail=finding.detail,
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two configurations found over the same time: both, or one alone."""

    both: tuple[tuple[Episode, Episode], ...]
    only_first: tuple[Episode, ...]
    only_second: tuple[Episode, ...]


def compare(first: Sequence[Episode], second: Sequence[Episode], end: datetime) -> Comparison:
    """Match episodes of one rule on one stream that overlap in time, each once, the earliest first.

    By rule and stream rather than by key: a detector may have been renamed. One that never
    ended lasts until ``end``.
    """
    waiting: dict[tuple[str, int], list[Episode]] = {}
    for episode in sorted(second, key=_start):
        waiting.setdefault((episode.rule, episode.stream_id), []).append(episode)
    both: list[tuple[Episode, Episode]] = []
    alone: list[Episode] = []
    for episode in sorted(first, key=_start):
        others = waiting.get((episode.rule, episode.stream_id), [])
        match = next((other for other in others if _overlap(episode, other, end)), None)
        if match is None:
            alone.append(episode)
        else:
            others.remove(match)
            both.append((episode, match))
    left = sorted((episode for rest in waiting.values() for episode in rest), key=_start)
    return Comparison(tuple(both), tuple(alone), tuple(left))


def _start(episode: Episode) -> datetime:
    return episode.started_at


def _overlap(one: Episode, other: Episode, end: datetime) -> bool:
    return one.started_at <= (other.ended_at or end) and other.started_at <= (one.ended_at or end)
