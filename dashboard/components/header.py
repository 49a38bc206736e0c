"""The header: whose city, which page, the clock, the link, the language."""

from __future__ import annotations

from dash import dcc, html

from dashboard.appearance import requested_face
from dashboard.auth.identity import current_caller, current_identity
from dashboard.components.attributes import aria, data
from dashboard.languages import CODES, Language
from dashboard.pages import present
from dashboard.wording import role_name
from telemetry.city import City

_LANGUAGE_NAMES = {"vi": "Tiếng Việt", "en": "English"}


def header(city: City, language: Language) -> html.Header:
    """The bar over every page; the scripts fill the clock and the link's state."""
    return html.Header(
        className="bar",
        children=[
            html.A(language.t("Skip to the page"), href="#_pages_content", className="skip", id="shell-skip"),
            _brand(city, language),
            html.Button(
                html.Span(className="menu__sign", **aria(hidden="true")),
                id="shell-menu",
                type="button",
                className="menu",
                title=language.t("Menu"),
                **aria(label=language.t("Menu"), expanded="false", controls="shell-fold"),
            ),
            html.Div(
                [
                    _navigation(language),
                    html.Div(
                        [_bell(language), _face_switch(language), _language_switch(language), _who(language)],
                        className="bar__own",
                    ),
                ],
                id="shell-fold",
                className="bar__fold",
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
                ],
            ),
            html.P(id="shell-bell-said", className="bell__said", role="status", hidden=True),
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


def _navigation(language: Language) -> html.Nav:
    # Plain links, each a page load: a page's scripts and sockets start and end with it.
    # The scripts mark the page that is open; the layout is not told which one that is.
    reader = current_identity()
    return html.Nav(
        [
            html.A(language.t(page.message), href=page.path, className="bar__page")
            for page in present()
            if page.in_header and reader.role.rank >= page.role.rank
        ],
        className="bar__pages",
        **aria(label=language.t("Pages")),
    )


def _who(language: Language) -> html.Div:
    # A plain form: signing out works without scripts.
    caller = current_caller()
    return html.Div(
        className="who",
        children=[
            html.A(
                [
                    html.Span(caller.identity.name, className="who__name", title=caller.identity.name),
                    html.Span(role_name(language, caller.identity.role), className="who__role"),
                ],
                href="/account",
                className="who__own",
                title=language.t("My account"),
            ),
            html.Form(
                [
                    dcc.Input(type="hidden", name="csrf", value=caller.csrf),
                    html.Button(language.t("Sign out"), type="submit", className="who__leave"),
                ],
                action="/sign-out",
                method="post",
            ),
        ],
    )


def _bell(language: Language) -> html.Button:
    # The scripts say whether it is on: that is the browser's to keep.
    said = language.t("Sound and notifications for critical alerts")
    return html.Button(
        [
            html.Span(className="bell__sign", **aria(hidden="true")),
            html.Span(id="shell-bell-state", className="unseen"),
        ],
        id="shell-bell",
        type="button",
        className="bell",
        title=said,
        **data(state="off"),
        **aria(label=said, pressed="false", describedby="shell-bell-state"),
    )


def _face_switch(language: Language) -> html.Button:
    wanted = "light" if requested_face() == "dark" else "dark"
    said = language.t("Light theme") if wanted == "light" else language.t("Dark theme")
    return html.Button(
        html.Span(className=f"face face--{wanted}", **aria(hidden="true")),
        id="shell-face",
        type="button",
        className="face__switch",
        title=said,
        **data(face=wanted),
        **aria(label=said),
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
