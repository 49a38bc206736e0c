"""A run's report: its configuration beside detectors that cannot know, and each detector alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard.components.emptiness import nothing
from dashboard.components.sheet import sheet
from dashboard.languages import Language, mark
from store.backtests import BacktestRun

_ALARMS = {
    "alarms": (mark("Alarms"), 0),
    "false_alarms": (mark("False"), 0),
    "precision": (mark("Precision"), 3),
    "recall": (mark("Recall"), 3),
    "f1": (mark("F1"), 3),
}
_SCORES = {
    "vus_pr": (mark("VUS-PR"), 3),
    "nab_standard": (mark("NAB"), 1),
    "nab_low_fp": (mark("NAB, few false"), 1),
    "nab_low_fn": (mark("NAB, few missed"), 1),
    "nab_as_set": (mark("NAB as set"), 1),
}
_GUESSES = {
    "never": mark("never tells"),
    "always": mark("always tells"),
    "random": mark("at random"),
    "periodic": mark("at regular times"),
}
_THIS = "this"


def report(run: BacktestRun, language: Language) -> Component:
    """The table, or why there is none."""
    found: Mapping[str, Any] | None = (run.result or {}).get("report")
    if found is None:
        hint = language.t("Mark events on a chart, or give verdicts on alerts, and run it again.")
        return nothing(language.t("No labels in this time"), hint)
    scores: Mapping[str, Mapping[str, float]] = found.get("scores", {})
    alarms = {_THIS: found["summary"], **found["baselines"]}
    names = [language.t(message) for message, _ in (*_ALARMS.values(), *_SCORES.values())]
    order = [*alarms, *(name for name in scores if name not in alarms)]
    rows = [_row(name, alarms.get(name, {}), scores.get(name, {}), language) for name in order]
    said = language.t(
        "NAB gives each its best threshold, “as set” the configured one; a silent detector gets 0, a perfect "
        "one 100. A measure that likes a row which cannot know flatters."
    )
    return html.Div([sheet([language.t("Whose"), *names], rows), html.P(said)])


def _row(name: str, alarms: Mapping[str, Any], scores: Mapping[str, float], language: Language) -> html.Tr:
    named = language.t("this configuration") if name == _THIS else name
    kind = "bench__this" if name == _THIS else None
    if name in _GUESSES:
        named, kind = language.t(_GUESSES[name]), "bench__guess"
    cells = [
        html.Td("–" if row.get(key) is None else language.number(row[key], decimals))
        for row, figures in ((alarms, _ALARMS), (scores, _SCORES))
        for key, (_, decimals) in figures.items()
    ]
    return html.Tr([html.Th(named, scope="row"), *cells], className=kind)
