"""Parts of the system page: numbers with their last hour, services, storage, versions."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import datetime
from importlib import metadata

from dash import html
from dash.development.base_component import Component

from dashboard.components.bars import bars
from dashboard.components.marks import state_mark
from dashboard.components.sheet import sheet
from dashboard.languages import Language
from dashboard.platform_words import SERVICE_FACTS, SERVICE_STATES
from dashboard.queries.system import SystemView
from store.services import Service

SILENT_S = 10.0
"""A service that has said nothing for longer than this is taken for dead."""
_TABLES = 12


def facts(view: SystemView, rate: float, now: datetime, language: Language) -> list[Component]:
    """The numbers of the page, with their last hour where it is kept."""
    totals, minutes = view.totals, view.minutes
    refused = (totals.quarantined + totals.requarantined) / max(1, totals.messages)
    hour = language.t("the last hour, by minute")
    rates = bars([minute.readings / 60 for minute in minutes], hour)
    lags = bars([minute.lag_s for minute in minutes], hour)
    refusals = bars([float(minute.refused) for minute in minutes], hour)
    return [
        _fact(language.t("Readings per second"), language.number(rate), hour, rates),
        _fact(language.t("Ingest lag"), _lag(view.services, "ingest", now, language), hour, lags),
        _fact(language.t("Analytics lag"), _lag(view.services, "analytics", now, language), ""),
        _fact(
            language.t("Messages refused"),
            language.quantity(100 * refused, 2, "%"),
            language.t("{count} in quarantine", count=language.number(view.in_quarantine)),
            refusals,
        ),
        _fact(
            language.t("Readings stored"),
            language.number(totals.committed),
            language.t("{count} duplicates", count=language.number(totals.duplicates)),
        ),
        _fact(language.t("Database"), size(view.database_bytes, language), ""),
    ]


def services(found: Sequence[Service], now: datetime, language: Language) -> Component:
    """A line a service: whether it lives, since when, and what it says of itself."""
    names = (
        language.t("Service"),
        language.t("Last beat"),
        language.t("Since"),
        language.t("Process"),
        language.t("What it says"),
    )
    return sheet(names, [_service(service, now, language) for service in found])


def tables(view: SystemView, language: Language) -> Component:
    """The largest tables."""
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
    return sheet(names, rows)


def versions(view: SystemView, language: Language) -> Component:
    """What runs here."""
    found = [
        ("CityOps", metadata.version("cityops")),
        ("PostgreSQL", view.version),
        ("Python", platform.python_version()),
        *((name, metadata.version(name)) for name in ("dash", "fastapi", "psycopg", "numpy")),
    ]
    rows = [html.Tr([html.Th(name, scope="row"), html.Td(said)]) for name, said in found]
    return sheet((language.t("Part"), language.t("Version")), rows)


def _fact(name: str, value: str, note: str, course: Component | None = None) -> html.Div:
    return html.Div(
        [
            html.Span(name, className="fact__name"),
            html.Span(value, className="fact__value"),
            course,
            html.Span(note, className="fact__note"),
        ],
        className="fact panel",
    )


def _lag(found: Sequence[Service], name: str, now: datetime, language: Language) -> str:
    """The longest lag that a living service of this name tells."""
    living = (s.detail.get("lag_s") for s in found if s.name.startswith(name) and age_s(s, now) < SILENT_S)
    lags = [float(lag) for lag in living if isinstance(lag, int | float)]
    return language.quantity(max(lags), 2, "s") if lags else "–"


def age_s(service: Service, now: datetime) -> float:
    """Seconds since a service's last beat."""
    return max(0.0, (now - service.seen_at).total_seconds()) if service.seen_at else float("inf")


def _service(service: Service, now: datetime, language: Language) -> html.Tr:
    age = age_s(service, now)
    state = "ok" if age < SILENT_S else "silent"
    said = ", ".join(_said(key, value, language) for key, value in service.detail.items())
    return html.Tr(
        [
            html.Td(
                html.Span([state_mark(state, language), service.name], className="state"),
                className="sheet__whole",
            ),
            html.Td(
                language.t("{age} s ago", age=language.number(age))
                if age < 3600
                else language.day_time(service.seen_at or now),
                className="sheet__whole",
            ),
            html.Td(
                language.day_time(service.started_at) if service.started_at else "–", className="sheet__whole"
            ),
            html.Td(f"{service.host} · {service.pid}", className="sheet__whole"),
            html.Td(said[:500], className="page__note"),
        ]
    )


def _said(key: str, value: object, language: Language) -> str:
    name = language.t(SERVICE_FACTS[key]) if key in SERVICE_FACTS else key
    if isinstance(value, bool):
        said = language.t("yes") if value else language.t("no")
        return f"{name} {said}"
    if isinstance(value, int | float):
        return f"{name} {language.number(value, 0 if isinstance(value, int) else 3)}"
    state = SERVICE_STATES.get(str(value)) if key in ("state", "broker") else None
    return f"{name} {language.t(state) if state else value}"


def size(count: int, language: Language) -> str:
    """Bytes as people read them."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return language.quantity(value, 0 if unit in ("B", "kB") else 1, unit)
