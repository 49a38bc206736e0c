"""The bench's page: backtests with what came of them, shadows, and two runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard.components.attributes import data
from dashboard.components.emptiness import nothing
from dashboard.components.sheet import sheet, titled
from dashboard.languages import Language, mark
from store.backtests import BacktestRun
from store.comparing import SideBySide
from store.shadows import Shadow
from telemetry.detection.episodes import Episode

STATUSES = {
    "queued": mark("waiting"),
    "running": mark("running"),
    "done": mark("done"),
    "failed": mark("failed"),
    "cancelled": mark("cancelled"),
}
FIGURES = {
    "episodes": (mark("Episodes"), 0),
    "precision": (mark("Precision"), 3),
    "recall": (mark("Recall"), 3),
    "f1": (mark("F1"), 3),
    "vus_pr": (mark("VUS-PR"), 3),
    "nab_standard": (mark("NAB"), 1),
    "false_per_stream_day": (mark("False per stream-day"), 5),
    "delay_median_s": (mark("Delay, s"), 0),
}
_GRADES = ("precision", "recall", "f1")
"""Of a shadow, against labels: live → shadow."""
_SHOWN = 30


def run_name(run: BacktestRun) -> str:
    """What a run is called: its number, and its name or the parameters it differs by."""
    point = " ".join(f"{path.partition('.params.')[2]}={value}" for path, value in run.point.items())
    return " ".join(word for word in (f"#{run.backtest_run_id}", run.name, point) if word)


def run_table(runs: Sequence[BacktestRun], language: Language) -> Component:
    """The runs, newest first."""
    if not runs:
        hint = language.t("Ask for one here, or with `cityops backtest`.")
        return titled(language.t("Backtests"), nothing(language.t("No backtest yet"), hint))
    names = (
        language.t("Run"),
        language.t("Asked for"),
        language.t("By"),
        language.t("Time tried"),
        language.t("State"),
        *(language.t(message) for message, _ in FIGURES.values()),
    )
    return titled(language.t("Backtests"), sheet(names, [_run(run, language) for run in runs]))


def shadow_table(shadows: Sequence[tuple[Shadow, SideBySide]], language: Language) -> Component:
    """The shadows, newest first, each with what it and the live configuration found."""
    if not shadows:
        hint = language.t(
            "Start one with `cityops shadow start`: it scores beside the live one and alerts nobody."
        )
        return titled(language.t("Shadows"), nothing(language.t("No shadow yet"), hint))
    names = (
        language.t("Shadow"),
        language.t("Since"),
        language.t("Until"),
        language.t("By"),
        language.t("Reason"),
        language.t("Both"),
        language.t("Live alone"),
        language.t("Shadow alone"),
        *(language.t(FIGURES[name][0]) for name in _GRADES),
    )
    return titled(language.t("Shadows"), sheet(names, [_shadow(*item, language) for item in shadows]))


def compared(first: BacktestRun, second: BacktestRun, found: SideBySide, language: Language) -> Component:
    """Two runs' figures, and what only one of them found."""
    names = (language.t("Metric"), run_name(first), run_name(second), language.t("Difference"))
    figures = {row.name: row for row in found.metrics}
    shown = [figures[name] for name in FIGURES if name in figures]
    rows = [
        html.Tr(
            [
                html.Th(language.t(FIGURES[row.name][0]), scope="row"),
                html.Td(_figure(row.first, row.name, language)),
                html.Td(_figure(row.second, row.name, language)),
                html.Td(
                    "–" if row.difference is None else language.signed(row.difference, FIGURES[row.name][1])
                ),
            ]
        )
        for row in shown
    ]
    said = language.t(
        "Found by both: {both}; by the first alone: {first}; by the second alone: {second}.",
        both=language.number(found.both),
        first=language.number(found.n_only_first),
        second=language.number(found.n_only_second),
    )
    alone = [
        _alone(language.t("{run} alone", run=run_name(run)), episodes, language)
        for run, episodes in ((first, found.only_first), (second, found.only_second))
        if episodes
    ]
    return html.Div([sheet(names, rows), html.P(said), *alone])


def _named(run: BacktestRun) -> Component | str:
    """Its name, and the way to its report where it has one."""
    name = run_name(run)
    return html.A(name, href=f"/bench?run={run.backtest_run_id}") if run.status == "done" else name


def _run(run: BacktestRun, language: Language) -> html.Tr:
    metrics: Mapping[str, Any] = (run.result or {}).get("metrics", {})
    state: list[Component | str] = [language.t(STATUSES[run.status])]
    if run.status == "running":
        share = f"{100 * run.progress:.0f} %"
        bar = html.Progress(value=f"{run.progress:.3f}", max="1", title=share)
        state = [html.Span([bar, " ", share], className="bench__share")]
    if run.status in ("queued", "running"):
        state += [html.Br(), _stop(run, language)]
    if run.error:
        state += [html.Br(), html.Small(run.error[:200])]
    days = language.number((run.ends_at - run.starts_at) / timedelta(days=1), 1)
    spent = language.t("{days} days from {start}", days=days, start=language.day_time(run.starts_at))
    return html.Tr(
        [
            html.Th([_named(run), html.Br(), html.Small(_version(run, language))], scope="row"),
            html.Td(language.day_time(run.requested_at), className="sheet__whole"),
            html.Td(run.author),
            html.Td(spent),
            html.Td(state),
            *(html.Td(_figure(metrics.get(name), name, language)) for name in FIGURES),
        ],
        key=str(run.backtest_run_id),
    )


def _stop(run: BacktestRun, language: Language) -> html.Button:
    if run.cancel:
        return html.Button(
            language.t("stopping"), type="button", className="button bench__stop", disabled=True
        )
    facts = data(bench="stop", run=run.backtest_run_id)
    return html.Button(language.t("Stop"), type="button", className="button bench__stop", **facts)


def _version(run: BacktestRun, language: Language) -> str:
    if run.version is None:
        return language.t("its own configuration")
    return language.t("version {version}", version=run.version)


def _shadow(shadow: Shadow, found: SideBySide, language: Language) -> html.Tr:
    until = language.day_time(shadow.stopped_at) if shadow.stopped_at else language.t("running")
    return html.Tr(
        [
            html.Th(f"#{shadow.shadow_id}", scope="row"),
            html.Td(language.day_time(shadow.started_at), className="sheet__whole"),
            html.Td(until, className="sheet__whole"),
            html.Td(shadow.author),
            html.Td(shadow.reason),
            html.Td(language.number(found.both)),
            html.Td(language.number(found.n_only_first)),
            html.Td(language.number(found.n_only_second)),
            *(html.Td(_grade(shadow, name, language), className="sheet__whole") for name in _GRADES),
        ],
        key=str(shadow.shadow_id),
    )


def _grade(shadow: Shadow, name: str, language: Language) -> str:
    """What ran live, and the shadow, by the labels of the time."""
    sides = [(shadow.grades or {}).get(side, {}).get(name) for side in ("live", "shadow")]
    return "–" if sides == [None, None] else " → ".join(_figure(value, name, language) for value in sides)


def _alone(title: str, episodes: Sequence[Episode], language: Language) -> Component:
    names = (language.t("Since"), language.t("Rule"), language.t("Stream"), language.t("Score"))
    rows = [
        html.Tr(
            [
                html.Td(language.day_time(one.started_at), className="sheet__whole"),
                html.Td(one.rule),
                html.Td(html.A(str(one.stream_id), href=f"/explorer?streams={one.stream_id}")),
                html.Td("–" if one.score is None else language.number(one.score, 2)),
            ]
        )
        for one in episodes[:_SHOWN]
    ]
    return html.Section([html.H4(title), sheet(names, rows)])


def _figure(value: float | None, name: str, language: Language) -> str:
    return "–" if value is None else language.number(value, FIGURES[name][1])
