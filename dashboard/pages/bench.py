"""The bench: backtests and shadows with what came of them, two runs side by side. For engineers.

Runs are asked for here (``assets/bench.js``, over the REST interface) or at the command line; the
address keeps whose report is shown and which two are compared.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
from dash import Dash, Input, Output, dcc, html

from dashboard.components.attributes import data
from dashboard.components.bench import compared, run_name, run_table, shadow_table
from dashboard.components.bench_form import TEXTS, form
from dashboard.components.bench_report import report
from dashboard.components.desk import picker
from dashboard.components.emptiness import nothing
from dashboard.components.sheet import titled
from dashboard.languages import mark, requested_language
from dashboard.queries.bench import Pair, read_bench, read_done, read_pair
from dashboard.registration import add_page, remember
from dashboard.runtime import Runtime
from store.backtests import BacktestRun

_REFRESH_MS = 3_000


def layout(
    runtime: Runtime, first: str | None = None, second: str | None = None, run: str | None = None, **_: str
) -> html.Main:
    """The page; callbacks fill it, the form stays as it is."""
    language = runtime.languages[requested_language()]
    pickers = [
        picker("bench-first", [], first, language.t("First run")),
        picker("bench-second", [], second, language.t("Second run")),
    ]
    acts = [
        html.A(language.t("Detectors"), href="/detectors", className="button"),
        html.Button(
            language.t("New backtest"), type="button", className="button button--main", **data(bench="open")
        ),
    ]
    return html.Main(
        id="bench-root",
        className="page",
        tabIndex=0,
        children=[
            dcc.Interval(id="bench-tick", interval=_REFRESH_MS),
            html.Div(
                [
                    html.H2(language.t("Bench"), className="page__title"),
                    html.Div(acts, className="acts detectors__acts"),
                ],
                className="page__head",
            ),
            html.P(id="bench-said", className="mend__said", role="status"),
            form(runtime.city.detection.detector, runtime.city.timezone, datetime.now(UTC), language),
            html.Div(html.Div(className="skeleton desk__skeleton"), id="bench-place"),
            titled(
                language.t("Against labels"),
                html.Div(picker("bench-run", [], run, language.t("Run")), className="desk__pickers"),
                html.Div(id="bench-report"),
            ),
            titled(
                language.t("Side by side"),
                html.Div(pickers, className="desk__pickers"),
                html.Div(id="bench-compared"),
            ),
        ],
        **data(**{f"text-{key}": language.t(text) for key, text in TEXTS.items()}),
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callbacks to the app."""
    add_page(runtime, "bench", mark("Bench"), layout)
    remember(app, "bench-first", "bench-second", "bench-run")

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("bench-place", "children"),
        Output("bench-first", "data"),
        Output("bench-second", "data"),
        Output("bench-run", "data"),
        Input("bench-tick", "n_intervals"),
    )
    async def show(_: int | None) -> tuple[Any, Any, Any, Any]:
        language = runtime.languages[requested_language()]
        bench = await runtime.query(read_bench)
        done = [
            {"value": str(run.backtest_run_id), "label": run_name(run)}
            for run in bench.runs
            if run.status == "done"
        ]
        tables = [run_table(bench.runs, language), shadow_table(bench.shadows, language)]
        return tables, done, done, done

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("bench-report", "children"), Input("bench-run", "value")
    )
    async def grade(number: str | None) -> Any:
        language = runtime.languages[requested_language()]

        def ask(conn: psycopg.Connection) -> BacktestRun | None:
            return read_done(conn, number)

        run = await runtime.query(ask)
        if run is None:
            hint = language.t("Its alarms and scores beside those of detectors that cannot know.")
            return nothing(language.t("Choose a run"), hint)
        return report(run, language)

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("bench-compared", "children"), Input("bench-first", "value"), Input("bench-second", "value")
    )
    async def compare(first: str | None, second: str | None) -> Any:
        language = runtime.languages[requested_language()]

        def ask(conn: psycopg.Connection) -> Pair | None:
            return read_pair(conn, first, second)

        found = await runtime.query(ask)
        if found is None:
            hint = language.t("Two that are done, of times that meet.")
            return nothing(language.t("Choose two runs"), hint)
        return compared(*found, language)
