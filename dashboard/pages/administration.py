"""Administration: people, API keys and the audit log; for administrators.

The page is a frame; its script fills it from ``/api/v1/people``, ``keys`` and ``audit``,
where the rights are checked.
"""

from __future__ import annotations

import functools
from typing import Any

import dash
import msgspec
from dash import Dash, dcc, html

from dashboard.components.attributes import data
from dashboard.languages import Language, mark, requested_language
from dashboard.platform_words import audit_words
from dashboard.runtime import Runtime
from dashboard.wording import ROLES, role_name
from telemetry.people import Scope

_TEXTS = {
    "disable": mark("Disable"),
    "enable": mark("Enable"),
    "reset": mark("New password"),
    "revoke": mark("Revoke"),
    "active": mark("Active"),
    "disabled": mark("Disabled"),
    "ended": mark("Ended"),
    "never": mark("never"),
    "sure": mark("Once more to confirm"),
    "password": mark("Password of {name}, shown this once:"),
    "key": mark("The key {name}, shown this once:"),
    "done": mark("Done."),
    "no_keys": mark("No key yet. A program needs one to use the interface."),
}
_SCOPES = {
    Scope.READ: mark("Read"),
    Scope.OPERATE: mark("… and work on alerts"),
    Scope.CONFIGURE: mark("… and configure"),
    Scope.ADMINISTER: mark("… and administer"),
}
"""Each takes in those before it."""
_DAYS = (30, 90, 365)


def layout(runtime: Runtime, **_: str) -> html.Main:
    """The page; who may not see it is told so before (`dashboard.auth.gate`)."""
    language = runtime.languages[requested_language()]
    return html.Main(
        id="administration-root",
        className="administration",
        children=[
            html.P(id="administration-said", className="administration__said", role="status"),
            _people(language),
            _keys(language),
            _audit(language),
        ],
        **data(
            **{f"text-{key}": language.t(message) for key, message in _TEXTS.items()},
            **{f"role-{role}": role_name(language, role) for role in ROLES},
            audit=msgspec.json.encode(audit_words(language)).decode(),
        ),
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page to the app."""
    dash.register_page(  # pyright: ignore[reportUnknownMemberType]
        "administration",
        path="/administration",
        title=lambda: runtime.languages[requested_language()].t("Administration") + " · CityOps",
        layout=functools.partial(layout, runtime),
    )


def _people(language: Language) -> html.Section:
    roles = [html.Option(role_name(language, role), value=role) for role in ROLES]
    form = html.Form(
        id="administration-new-person",
        className="administration__form",
        children=[
            _field(language.t("Sign-in name"), _text("name", 32)),
            _field(language.t("Role"), _select("role", roles)),
            html.Button(language.t("Add person"), type="submit", className="button button--main"),
        ],
    )
    columns = (language.t("Sign-in name"), language.t("Role"), language.t("State"), language.t("Last seen"))
    return _card(language.t("People"), [_table("people", columns), form])


def _keys(language: Language) -> html.Section:
    reach = list(_SCOPES)
    scopes = [
        html.Option(language.t(message), value=" ".join(reach[: place + 1]))
        for place, message in enumerate(_SCOPES.values())
    ]
    days = [html.Option(language.t("{count} days", count=count), value=str(count)) for count in _DAYS]
    form = html.Form(
        id="administration-new-key",
        className="administration__form",
        children=[
            _field(language.t("What it is for"), _text("label", 80)),
            _field(language.t("Scopes"), _select("scopes", scopes)),
            _field(language.t("Expires after"), _select("days", days)),
            html.Button(language.t("Make key"), type="submit", className="button button--main"),
        ],
    )
    columns = (
        language.t("What it is for"),
        language.t("Key"),
        language.t("Acts for"),
        language.t("Scopes"),
        language.t("Expires"),
        language.t("Last used"),
        language.t("State"),
    )
    return _card(language.t("API keys"), [_table("keys", columns), form])


def _audit(language: Language) -> html.Section:
    columns = (
        language.t("Time"),
        language.t("Who"),
        language.t("Action"),
        language.t("Object"),
        language.t("Detail"),
    )
    older = html.Button(language.t("Older"), id="administration-older", type="button", className="button")
    return _card(language.t("Audit log"), [_table("audit", columns, acts=False), html.Div(older)])


def _card(title: str, children: list[Any]) -> html.Section:
    return html.Section(
        [html.H2(title, className="panel__title"), *children], className="administration__card"
    )


def _table(name: str, columns: tuple[str, ...], *, acts: bool = True) -> html.Table:
    heads = [html.Th(column, scope="col") for column in columns]
    return html.Table(
        [
            html.Thead(html.Tr([*heads, html.Td()] if acts else heads)),
            html.Tbody(id=f"administration-{name}"),
        ],
        className="people",
    )


def _field(label: str, control: Any) -> html.Label:
    return html.Label([html.Span(label), control], className="entry")


def _select(name: str, options: list[html.Option]) -> html.Select:
    return html.Select(options, name=name)


def _text(name: str, longest: int) -> dcc.Input:
    return dcc.Input(
        id=f"administration-{name}", name=name, value="", required=True, maxLength=longest, autoComplete="off"
    )
