"""Episodes: what findings amount to, each condition from its start to its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    """Episodes by start and key, as `store.anomalies.apply_finding` would have written them."""
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
