"""A report: a detector's alarms against labels, by kind and in total, beside the baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from statistics import median
from typing import Any

import numpy as np

from analytics.evaluation.alarms import Alarm, told
from analytics.evaluation.baselines import baselines
from analytics.evaluation.rules import Found, Matched, Rules, match
from telemetry.labels import Label

TOTAL = "all"


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the labels of one kind.

    ``recall`` is the share found, ``as_such`` the share that was also told as what it is;
    delays are seconds from the true onset, ``None`` where nothing was found.
    """

    kind: str
    labels: int
    found: int
    recall: float | None
    as_such: float | None
    delay_median_s: float | None
    delay_p90_s: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """All kinds together. ``precision`` is the share of right alarms among those told.

    Where nothing was told, precision and F1 are ``None``.
    """

    alarms: int
    false_alarms: int
    precision: float | None
    recall: float | None
    f1: float | None
    false_per_stream_day: float
    alerts_per_shift: float
    delay_median_s: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """How good a configuration is on one stretch of history.

    ``baselines`` holds the same summary of detectors that cannot know, by name;
    ``false_by`` the false alarms by ``detector rule``; ``scores`` the measures of scores over
    time (`analytics.evaluation.over_time`) of *this*, each detector and the baselines.
    """

    start: datetime
    end: datetime
    n_streams: int
    n_devices: int
    summary: Summary
    rows: tuple[Row, ...]
    baselines: Mapping[str, Summary]
    false_by: Mapping[str, int] = field(default_factory=dict[str, int])
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    rules: Rules = field(default_factory=Rules)

    def to_document(self) -> dict[str, Any]:
        """Plain JSON types."""
        document = asdict(self)
        document["start"], document["end"] = self.start.isoformat(), self.end.isoformat()
        document["rows"] = [asdict(row) for row in self.rows]
        return document


def evaluate(
    alarms: Iterable[Alarm],
    labels: Sequence[Label],
    start: datetime,
    end: datetime,
    devices: Sequence[str],
    n_streams: int,
    rules: Rules | None = None,
    seed: int = 0,
) -> Report:
    """Evaluate alarms on ``[start, end)``.

    Labels count when they begin and end inside; those that only overlap are not held
    against anybody: alarms in them are right, and missing them is no miss. Alarms outside
    of the span or of other devices are left out.

    Parameters
    ----------
    devices, n_streams
        What was watched: ids, and the number of streams false alarms are spread over.
    rules
        How alarms and labels match.
    seed
        Of the random baseline.
    """
    rules = rules or Rules()
    watched = frozenset(devices)
    span = (start, end)
    own = [alarm for alarm in alarms if alarm.device_id in watched and start <= alarm.at < end]
    relevant = [label for label in labels if label.start < end and label.end > start]
    relevant = [label for label in relevant if not watched.isdisjoint(label.device_ids)]
    kept = told(own, rules.refractory_s)
    matched = match(kept, relevant, rules)
    others = baselines(len(kept), sorted(watched), start, end, rules.refractory_s, seed)
    beside = {
        name: _summary(match(told(guess, rules.refractory_s), relevant, rules), span, n_streams, rules)
        for name, guess in others.items()
    }
    counted = _counted(matched, span)
    kinds = sorted({found.label.kind for found in counted})
    rows = [_row(kind, [found for found in counted if found.label.kind == kind]) for kind in kinds]
    return Report(
        start,
        end,
        n_streams,
        len(watched),
        _summary(matched, span, n_streams, rules),
        (*rows, _row(TOTAL, counted)),
        beside,
        _by_rule(matched.false),
        rules=rules,
    )


def _counted(matched: Matched, span: tuple[datetime, datetime]) -> list[Found]:
    start, end = span
    return [found for found in matched.found if found.label.start >= start and found.label.end <= end]


def _row(kind: str, found: Sequence[Found]) -> Row:
    delays = [one.delay_s for one in found if one.delay_s is not None]
    return Row(
        kind,
        len(found),
        len(delays),
        _share(len(delays), len(found)),
        _share(sum(one.as_such for one in found), len(found)),
        median(delays) if delays else None,
        float(np.percentile(delays, 90)) if delays else None,
    )


def _summary(matched: Matched, span: tuple[datetime, datetime], n_streams: int, rules: Rules) -> Summary:
    counted = _counted(matched, span)
    delays = [found.delay_s for found in counted if found.delay_s is not None]
    days = (span[1] - span[0]).total_seconds() / 86_400.0
    right, false = len(matched.right), len(matched.false)
    precision, recall = _share(right, right + false), _share(len(delays), len(counted))
    return Summary(
        right + false,
        false,
        precision,
        recall,
        _f1(precision, recall),
        false / (n_streams * days) if n_streams else 0.0,
        (right + false) * rules.shift_h / (24.0 * days),
        median(delays) if delays else None,
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _f1(precision: float | None, recall: float | None) -> float | None:
    if precision is None or recall is None:
        return None
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _by_rule(alarms: Sequence[Alarm]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for alarm in alarms:
        key = f"{alarm.detector} {alarm.rule}".strip()
        counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
