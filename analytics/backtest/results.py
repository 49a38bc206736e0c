"""What came of backtests, to be looked at, sorted and kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from html import escape
from typing import Any

from analytics.backtest.peaks import merged
from analytics.backtest.plan import Plan
from analytics.backtest.play import Played, World
from analytics.detectors import GUARDS
from analytics.evaluation import Alarm, Report, evaluate
from analytics.evaluation.over_time import MEASURES, THIS, Grid, measure
from store.detection import digest_of
from telemetry.detection.episodes import Episode, episodes_of
from telemetry.labels import Label

HIGHER_IS_BETTER = frozenset({"precision", "recall", "f1", *MEASURES})
"""Metrics that are sorted downwards; of all others less is better."""


@dataclass(frozen=True, slots=True)
class Run:
    """One configuration over one stretch of history.

    ``digest`` is the same for configurations that say the same; ``point`` holds the
    parameters by which a run of a sweep differs; ``report`` is ``None`` where there are no
    labels to hold the findings against. ``took_s`` are seconds: ``all`` by the clock, and
    ``read``, ``fit`` and ``score`` added up over ``processes``.
    """

    name: str
    plan: Plan
    digest: str
    point: Mapping[str, Any]
    streams: int
    devices: int
    scored: int
    unfit: int
    episodes: tuple[Episode, ...]
    report: Report | None
    took_s: Mapping[str, float] = field(default_factory=dict[str, float])

    def metrics(self) -> dict[str, float | int | None]:
        """The figures runs are compared by, by name. Without labels, how many alarms alone."""
        days = (self.plan.end - self.plan.start) / timedelta(days=1)
        counts: dict[str, float | int | None] = {
            "episodes": len(self.episodes),
            "per_stream_day": len(self.episodes) / (self.streams * days or 1),
        }
        if self.report is None:
            return counts
        return {**counts, **asdict(self.report.summary), **self.report.scores.get(THIS, {})}

    def counts(self) -> dict[str, int]:
        """Episodes by ``detector rule``, the most frequent first."""
        return dict(Counter(f"{one.detector} {one.rule}" for one in self.episodes).most_common())

    def to_document(self) -> dict[str, Any]:
        """As plain JSON types, but for the episodes: what `store.backtests.finish` keeps."""
        return {
            "streams": self.streams,
            "devices": self.devices,
            "scored": self.scored,
            "unfit": self.unfit,
            "metrics": self.metrics(),
            "counts": self.counts(),
            "report": None if self.report is None else self.report.to_document(),
            "took_s": dict(self.took_s),
        }

    def to_rows(self) -> list[dict[str, Any]]:
        """The report as rows, kinds first and the baselines last: for a data frame, or a table."""
        if self.report is None:
            return [{"kind": "all", **self.metrics()}]
        kinds = [asdict(row) for row in self.report.rows]
        scores = self.report.scores
        beside = {"this configuration": self.report.summary, **self.report.baselines}
        measured = {
            name: scores.get(THIS if one is self.report.summary else name, {}) for name, one in beside.items()
        }
        detectors = [{"kind": name, **row} for name, row in scores.items() if name not in {THIS, *beside}]
        return [
            *kinds,
            *detectors,
            *({"kind": name, **asdict(one), **measured[name]} for name, one in beside.items()),
        ]

    def _repr_html_(self) -> str:
        head = f"{self.name or self.digest[:12]}: {self.scored:,} readings, {len(self.episodes):,} episodes"
        return f"<p>{escape(head)}</p>{_table(self.to_rows())}"


@dataclass(frozen=True, slots=True)
class Sweep:
    """Runs that differ in some parameters."""

    runs: tuple[Run, ...]

    def sorted_by(self, metric: str) -> list[Run]:
        """The runs, the best first; those without the metric last."""
        return sorted(self.runs, key=lambda run: _rank(run, metric))

    def to_rows(self, metric: str = "f1") -> list[dict[str, Any]]:
        """One row a run, the best first: its point and its metrics."""
        return [{**run.point, **run.metrics()} for run in self.sorted_by(metric)]

    def _repr_html_(self) -> str:
        return _table(self.to_rows())


def run_of(
    world: World,
    plan: Plan,
    played: Sequence[Played],
    labels: Sequence[Label],
    grid: Grid | None,
    name: str,
    point: Mapping[str, Any],
    took_s: Mapping[str, float],
) -> Run:
    """A run of what came of its parts; ``grid`` is of the scores that were kept."""
    ids = {stream_id for one in played for stream_id in one.stream_ids}
    streams = [stream for stream in world.streams if stream.stream_id in ids]
    devices = sorted({stream.device_id for stream in streams})
    episodes = episodes_of(sorted((f for one in played for f in one.findings), key=lambda f: f.at))
    report = grade(world, plan, episodes, labels, devices, len(streams))
    if report is not None and grid is not None:
        peaks = merged(grid, ((one.grid, one.peaks) for one in played))
        report = replace(report, scores=measure(peaks, grid, labels, report.rules, plan.options.seed))
    spent: Counter[str] = Counter()
    for one in played:
        spent.update(one.took_s)
    return Run(
        name,
        plan,
        digest_of(plan.configuration.to_document()),
        dict(point),
        len(streams),
        len(devices),
        sum(one.scored for one in played),
        sum(one.unfit for one in played),
        tuple(episodes),
        report,
        {**took_s, **spent},
    )


def grade(
    world: World,
    plan: Plan,
    episodes: Sequence[Episode],
    labels: Sequence[Label],
    devices: Sequence[str],
    n_streams: int,
) -> Report | None:
    """The episodes held against labels; ``None`` where there are none."""
    if not labels:
        return None
    alarms = alarms_of(world, plan, episodes)
    return evaluate(alarms, labels, plan.start, plan.end, devices, n_streams, seed=plan.options.seed)


def alarms_of(world: World, plan: Plan, episodes: Sequence[Episode]) -> list[Alarm]:
    """Episodes as the evaluation takes them."""
    stream_of = {stream.stream_id: stream for stream in world.streams}
    guards = {spec.name for spec in plan.configuration.detector if spec.kind in GUARDS}
    return [
        Alarm(
            stream_of[one.stream_id].device_id,
            stream_of[one.stream_id].metric,
            one.started_at,
            one.ended_at,
            one.detector,
            one.rule,
            one.detector in guards,
        )
        for one in episodes
    ]


def _rank(run: Run, metric: str) -> tuple[bool, float]:
    value = run.metrics().get(metric)
    if value is None:
        return True, 0.0
    return False, -value if metric in HIGHER_IS_BETTER else value


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(row.get(name))}</td>" for name in names) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,.4g}" if isinstance(value, float) else escape(str(value))
