"""The number tiles. The server draws their frames; the scripts fill the ``data-tile`` slots."""

from __future__ import annotations

from dash import html

from dashboard.components.attributes import aria, data
from dashboard.components.marks import state_mark
from dashboard.languages import Language
from dashboard.wording import domain_name, state_name
from telemetry.alerts import Severity
from telemetry.metrics import CITY_DOMAINS

_PENDING = "–"


def tiles(language: Language) -> html.Div:
    """Devices online, readings a second, open alerts by severity; and the moment they are of."""
    return html.Div(
        className="tiles",
        id="overview-tiles",
        children=[
            _devices(language),
            _rate(language),
            _alerts(language),
            html.P(id="overview-as-of", className="tiles__as-of"),
        ],
    )


def _devices(language: Language) -> html.Section:
    return html.Section(
        className="tile",
        children=[
            html.H2(language.t("Devices online"), className="tile__name"),
            html.Div(
                [slot("online", "tile__number"), html.Span("/", className="tile__of"), slot("devices")],
                className="tile__value",
            ),
            _line("online", language.t("Devices online, last 6 hours")),
            html.Div(
                [state_mark("silent", language), slot("silent"), html.Span(language.t("no signal"))],
                className="tile__note",
            ),
        ],
    )


def _rate(language: Language) -> html.Section:
    return html.Section(
        className="tile",
        children=[
            html.H2(language.t("Readings per second"), className="tile__name"),
            html.Div([slot("readings_per_s", "tile__number")], className="tile__value"),
            _line("rate", language.t("Readings per second, last 90 seconds")),
            html.Div(html.Span(language.t("last 90 s")), className="tile__note"),
        ],
    )


def _alerts(language: Language) -> html.Section:
    return html.Section(
        className="tile tile--wide",
        children=[
            html.H2(language.t("Open alerts"), className="tile__name"),
            html.Div(
                [
                    slot("alerts", "tile__number"),
                    html.Span(id="overview-alerts-change", className="tile__change"),
                    _line("alerts", language.t("Open alerts, last 6 hours")),
                ],
                className="tile__value tile__value--line",
            ),
            html.Ul(
                [
                    html.Li(
                        [
                            state_mark(str(severity), language, large=True),
                            slot(f"by_severity.{severity}", "severity__count"),
                            html.Span(state_name(language, str(severity)), className="severity__name"),
                        ],
                        className="severity",
                    )
                    for severity in reversed(Severity)
                ],
                className="severities",
            ),
        ],
    )


def _line(key: str, said: str) -> html.Canvas:
    """A sparkline; the scripts draw it, and the numbers beside it say the same."""
    return html.Canvas(
        id=f"overview-{key}-line", className="spark", role="img", title=said, **aria(label=said)
    )


def domains(language: Language) -> html.Section:
    """A row a domain: its numbers, and a switch for its layer on the map."""
    return html.Section(
        className="domains",
        children=[
            html.H2(language.t("Domains"), className="panel__title"),
            *(_domain(language, str(domain)) for domain in CITY_DOMAINS),
        ],
    )


def _domain(language: Language, domain: str) -> html.Button:
    return html.Button(
        type="button",
        className=f"domain domain--{domain}",
        title=language.t("Show or hide on the map"),
        children=[
            html.Span(className=f"domain__sign domain__sign--{domain}", **aria(hidden="true")),
            html.Span(
                [
                    html.Span(domain_name(language, domain), className="domain__name"),
                    html.Span(
                        [
                            slot(f"by_domain.{domain}.online"),
                            "/",
                            slot(f"by_domain.{domain}.devices"),
                            " ",
                            html.Span(language.t("online")),
                        ],
                        className="domain__online",
                    ),
                ],
                className="domain__text",
            ),
            html.Span(
                [slot(f"by_domain.{domain}.alerts"), html.Span(language.t("alerts"), className="unseen")],
                className="domain__alerts",
                **data(worst_of=domain),
            ),
            html.Span(className="toggle", **aria(hidden="true")),
        ],
        **data(domain=domain),
        **aria(pressed="true"),
    )


def slot(path: str, class_name: str = "") -> html.Span:
    """A place for one number of `live.messages.Tiles`, by its path."""
    return html.Span(
        _PENDING,
        className=class_name or None,
        **data(tile=path),
    )
