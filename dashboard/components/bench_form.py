"""The bench's form: a configuration, a time, streams, a parameter to sweep.

The page's script (``assets/bench.js``) makes the fields, which must outlive every refresh of the page, and
asks over the REST interface.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from dash import html

from dashboard.components.attributes import data
from dashboard.languages import Language, mark
from telemetry.detection import KINDS, DetectorSpec

TEXTS = {
    "configuration": mark("Configuration"),
    "in-force": mark("The version in force"),
    "version": mark("Version {version}"),
    "own": mark("A candidate, as TOML"),
    "toml": mark("Detectors, as TOML"),
    "start": mark("From (the city's time)"),
    "end": mark("To"),
    "select": mark("Streams"),
    "select-hint": mark("All; or such as: domain=drainage zone=760,774; metric=pm25"),
    "path": mark("Parameter to sweep"),
    "path-hint": mark("None; or DETECTOR.params.KEY"),
    "values": mark("Its values"),
    "values-hint": mark("Such as 2, 3, 4"),
    "refit": mark("Hours between two fits"),
    "name": mark("What to call it"),
    "reason": mark("Reason"),
    "no-time": mark("Give both times."),
    "order": mark("The start is not before the end."),
    "no-word": mark("{word}: say KEY=VALUE or KEY=VALUE,VALUE"),
    "no-values": mark("Give the parameter and its values, or neither."),
    "asked": mark("Backtest {run} waits; the bench does one after another."),
    "asked-sweep": mark("A sweep of {count} backtests waits, from {run} on."),
    "told": mark("Backtest {run} is told to stop."),
}
_DAYS = timedelta(days=7)


def form(specs: Iterable[DetectorSpec], timezone: str, now: datetime, language: Language) -> html.Section:
    """The form, hidden until it is asked for."""
    local = now.astimezone(ZoneInfo(timezone)).replace(minute=0, second=0, microsecond=0)
    paths = [html.Option(value=path) for path in sweepable(specs)]
    return html.Section(
        [
            html.H3(language.t("New backtest"), className="panel__title"),
            html.Div(id="bench-pad", className="bench__fields"),
            html.Datalist(paths, id="bench-paths"),
            html.P(id="bench-wrong", className="mend__wrong", role="alert"),
            html.Div(
                [
                    html.Button(
                        language.t("Cancel"), type="button", className="button", **data(bench="close")
                    ),
                    html.Button(
                        language.t("Queue"),
                        id="bench-go",
                        type="button",
                        className="button button--main",
                        **data(bench="ask"),
                    ),
                ],
                className="mend__acts",
            ),
        ],
        id="bench-form",
        className="panel section",
        hidden=True,
        **data(
            offset=local.isoformat()[-6:],
            start=f"{local - _DAYS:%Y-%m-%dT%H:%M}",
            end=f"{local:%Y-%m-%dT%H:%M}",
        ),
    )


def sweepable(specs: Iterable[DetectorSpec]) -> list[str]:
    """Parameters a sweep can go over: those of the detectors that are numbers."""
    return [
        f"{spec.name}.params.{field.name}"
        for spec in specs
        if spec.kind in KINDS
        for field in msgspec.structs.fields(KINDS[spec.kind])
        if isinstance(field.default, int | float) and not isinstance(field.default, bool)
    ]
