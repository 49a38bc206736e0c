"""System: what comes in and how fast it is worked on, services, storage, versions."""

from __future__ import annotations

import functools
import platform
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import dash
from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboard.components.marks import state_mark
from dashboard.languages import Language, requested_language
from dashboard.queries.system import SystemView, read_system
from dashboard.runtime import Runtime
from store.services import Service

_REFRESH_MS = 3_000
_SILENT_S = 10.0
_TABLES = 12


def layout(runtime: Runtime, **_: str) -> html.Main:
    """The page; a callback fills it every few seconds."""
    language = runtime.languages[requested_language()]
    return html.Main(
        id="system-root",
        className="page",
        tabIndex=0,  # it scrolls, and holds nothing else that takes the keyboard
        children=[
            dcc.Interval(id="system-tick", interval=_REFRESH_MS),
            html.Div(html.H2(language.t("System"), className="page__title"), className="page__head"),
            html.Div(html.Div(className="skeleton", style={"height": "120px"}), id="system-place"),
        ],
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callback to the app."""
    dash.register_page(  # pyright: ignore[reportUnknownMemberType]
        "system",
        path="/system",
        title=lambda: runtime.languages[requested_language()].t("System") + " · CityOps",
        layout=functools.partial(layout, runtime),
    )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("system-place", "children"), Input("system-tick", "n_intervals")
    )
    async def show(_: int | None) -> Any:
        language = runtime.languages[requested_language()]
        view = await runtime.query(read_system)
        rate = runtime.picture.snapshot(time.time_ns() // 1000).tiles.readings_per_s
        return [
            html.Div(_facts(view, rate, language), className="facts"),
            _panel(language.t("Services"), _services(view.services, language)),
            html.Div(
                [
                    _panel(language.t("Storage"), _tables(view, language)),
                    _panel(language.t("Versions"), _versions(view)),
                ],
                className="page__columns",
            ),
        ]


def _facts(view: SystemView, rate: float, language: Language) -> list[Component]:
    ingest = next((s for s in view.services if s.name.startswith("ingest")), None)
    analytics = next((s for s in view.services if s.name == "analytics"), None)
    totals = view.totals
    refused = (totals.quarantined + totals.requarantined) / max(1, totals.messages)
    return [
        _fact(language.t("Readings per second"), language.number(rate), ""),
        _fact(language.t("Ingest lag"), _lag(ingest, language), ""),
        _fact(language.t("Analytics lag"), _lag(analytics, language), ""),
        _fact(
            language.t("Messages refused"),
            language.quantity(100 * refused, 2, "%"),
            language.t("{count} in quarantine", count=language.number(view.in_quarantine)),
        ),
        _fact(
            language.t("Readings stored"),
            language.number(totals.committed),
            language.t("{count} duplicates", count=language.number(totals.duplicates)),
        ),
        _fact(language.t("Database"), size(view.database_bytes, language), ""),
    ]


def _fact(name: str, value: str, note: str) -> html.Div:
    return html.Div(
        [
            html.Span(name, className="fact__name"),
            html.Span(value, className="fact__value"),
            html.Span(note, className="fact__note"),
        ],
        className="fact panel",
    )


def _lag(service: Service | None, language: Language) -> str:
    lag = (
        next((service.detail[k] for k in ("lag_s", "lag") if k in service.detail), None) if service else None
    )
    return language.quantity(float(lag), 1, "s") if isinstance(lag, int | float) else "–"


def _services(found: Sequence[Service], language: Language) -> Component:
    names = (language.t("Service"), language.t("Last beat"), language.t("Since"), language.t("Process"), "")
    now = datetime.now(UTC)
    return _sheet(names, [_service(service, now, language) for service in found])


def _service(service: Service, now: datetime, language: Language) -> html.Tr:
    age = (now - service.seen_at).total_seconds() if service.seen_at else float("inf")
    state = "ok" if age < _SILENT_S else "silent"
    detail = ", ".join(f"{key} {_short(value)}" for key, value in service.detail.items())
    return html.Tr(
        [
            html.Td(html.Span([state_mark(state, language), service.name], className="state")),
            html.Td(
                language.quantity(age, 0, "s") if age < 3600 else language.day_time(service.seen_at or now)
            ),
            html.Td(language.day_time(service.started_at) if service.started_at else "–"),
            html.Td(f"{service.host} · {service.pid}"),
            html.Td(detail[:400], className="page__note"),
        ]
    )


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _tables(view: SystemView, language: Language) -> Component:
    names = (language.t("Table"), language.t("Size"), language.t("Rows, about"), language.t("Chunks"))
    rows = [
        html.Tr(
            [
                html.Td(table.name),
                html.Td(size(table.bytes, language)),
                html.Td(language.number(table.rows)),
                html.Td(language.number(table.chunks)),
            ]
        )
        for table in view.tables[:_TABLES]
    ]
    return _sheet(names, rows)


def _versions(view: SystemView) -> Component:
    rows = [
        ("CityOps", metadata.version("cityops")),
        ("PostgreSQL", view.version),
        ("Python", platform.python_version()),
        *((name, metadata.version(name)) for name in ("dash", "fastapi", "psycopg", "numpy")),
    ]
    return html.Table(
        html.Tbody([html.Tr([html.Th(name, scope="row"), html.Td(said)]) for name, said in rows]),
        className="sheet",
    )


def _sheet(names: Sequence[str], rows: Sequence[html.Tr]) -> Component:
    head = html.Thead(html.Tr([html.Th(name, scope="col") if name else html.Td() for name in names]))
    return html.Table([head, html.Tbody(list(rows))], className="sheet")


def _panel(title: str, content: Component) -> html.Section:
    return html.Section([html.H3(title, className="panel__title"), content], className="panel section")


def size(count: int, language: Language) -> str:
    """Bytes as people read them."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return language.quantity(value, 0 if unit in ("B", "kB") else 1, unit)
