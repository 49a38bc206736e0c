"""The header: whose city, which page, the clock, the link, the language."""

from __future__ import annotations

from dash import dcc, html

from dashboard.components.attributes import aria, data
from dashboard.languages import CODES, Language
from telemetry.city import City

_LANGUAGE_NAMES = {"vi": "Tiếng Việt", "en": "English"}


def header(city: City, language: Language) -> html.Header:
    """The bar over every page; the scripts fill the clock and the link's state."""
    return html.Header(
        className="bar",
        children=[
            _brand(city, language),
            html.Nav(
                [dcc.Link(language.t("Overview"), href="/", className="bar__page bar__page--here")],
                className="bar__pages",
                **aria(label=language.t("Pages")),
            ),
            html.Div(
                className="bar__side",
                children=[
                    html.Div(
                        [html.Span(className="link__dot"), html.Span(id="shell-link-text")],
                        id="shell-link",
                        className="link",
                        role="status",
                        **data(phase="connecting"),
                    ),
                    html.Div(
                        [html.Time(id="shell-time", className="clock__time"), html.Span(id="shell-date")],
                        className="clock",
                    ),
                    _language_switch(language),
                ],
            ),
        ],
    )


def _brand(city: City, language: Language) -> html.Div:
    return html.Div(
        className="brand",
        children=[
            html.Span(className="brand__sign", **aria(hidden="true")),
            html.Div(
                [
                    html.H1(language.pick(city.name_vi, city.name_en), className="brand__city"),
                    html.P(language.t("Operations centre"), className="brand__what"),
                ]
            ),
        ],
    )


def _language_switch(language: Language) -> html.Div:
    # Plain links: they work without scripts, and the server sets the cookie.
    return html.Div(
        className="switch",
        role="group",
        children=[
            html.A(
                code.upper(),
                href=f"?lang={code}",
                lang=code,
                title=_LANGUAGE_NAMES[code],
                className="switch__item",
                **data(lang=code),
                **(aria(current="true") if code == language.code else {}),
            )
            for code in CODES
        ],
        **aria(label=language.t("Language")),
    )
