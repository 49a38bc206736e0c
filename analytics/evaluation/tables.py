"""A report as tables for a terminal: kinds, the summary beside what cannot know, false alarms."""

from __future__ import annotations

from collections.abc import Mapping

from rich.markup import escape
from rich.table import Column, Table

from analytics.evaluation.over_time import MEASURES
from analytics.evaluation.report import Report, Row, Summary

_MOST_RULES = 10


def tables(report: Report) -> list[Table]:
    """What became of each kind; this beside the baselines; scores over time; which rules were false."""
    return [
        _kinds(report),
        _beside(report),
        *([scored(report.scores)] if report.scores else []),
        _false(report),
    ]


def _kinds(report: Report) -> Table:
    table = Table(
        "Kind", _right("Labels"), _right("Found"), _right("Recall"), _right("As such"),
        _right("Delay, median"), _right("Delay, p90"), title="What happened",
    )  # fmt: skip
    for row in report.rows:
        table.add_row(*_cells(row), style="bold" if row is report.rows[-1] else "")
    return table


def _cells(row: Row) -> tuple[str, ...]:
    return (
        escape(row.kind),
        str(row.labels),
        str(row.found),
        _number(row.recall),
        _number(row.as_such),
        _length(row.delay_median_s),
        _length(row.delay_p90_s),
    )


def _beside(report: Report) -> Table:
    table = Table(
        "", _right("Alarms"), _right("False"), _right("Precision"), _right("Recall"), _right("F1"),
        _right("False/stream-day"), _right("Alerts/shift"), _right("Delay, median"),
        title="Beside what cannot know",
    )  # fmt: skip
    for name, summary in {"this": report.summary, **report.baselines}.items():
        table.add_row(escape(name), *_figures(summary), style="bold" if summary is report.summary else "")
    return table


def scored(scores: Mapping[str, Mapping[str, float]]) -> Table:
    """Measures of scores over time, of all detectors, each, and what cannot know."""
    names = [_right(name.replace("_", " ")) for name in MEASURES]
    table = Table("", *names, title="Scores over time")
    for who, row in scores.items():
        table.add_row(escape(who), *(_number(row.get(name)) for name in MEASURES))
    return table


def _figures(summary: Summary) -> tuple[str, ...]:
    return (
        f"{summary.alarms:,}",
        f"{summary.false_alarms:,}",
        _number(summary.precision),
        _number(summary.recall),
        _number(summary.f1),
        f"{summary.false_per_stream_day:.5f}",
        f"{summary.alerts_per_shift:.1f}",
        _length(summary.delay_median_s),
    )


def _false(report: Report) -> Table:
    table = Table("Detector and rule", _right("False alarms"), title="False alarms")
    for name, count in list(report.false_by.items())[:_MOST_RULES]:
        table.add_row(escape(name), f"{count:,}")
    return table


def _right(name: str) -> Column:
    return Column(name, justify="right")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _length(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
