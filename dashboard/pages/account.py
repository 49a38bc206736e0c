"""One's own account: who one is here, where one is signed in, and one's password.

The page is a frame; ``assets/account.js`` fills it from ``/api/v1/session/all`` and sends
what changes to ``/api/v1/session``.
"""

from __future__ import annotations

from typing import Any

from dash import Dash, dcc, html

from dashboard.auth.identity import current_identity
from dashboard.components.attributes import aria, data
from dashboard.languages import Language, mark, requested_language
from dashboard.registration import add_page
from dashboard.runtime import Runtime
from dashboard.wording import ROLE_RIGHTS, role_name
from store.passwords import LONGEST, SHORTEST

_NAME = mark("My account")
_TEXTS = {
    "here": mark("this one"),
    "changed": mark("The password is changed. Other sessions ended: {count}."),
    "ended": mark("Signed out elsewhere: {count}."),
    "differ": mark("The two new passwords differ."),
    "wrong": mark("The current password is wrong."),
    "often": mark("Too many attempts. Try again later."),
}


def layout(runtime: Runtime, **_: str) -> html.Main:
    """The page of whoever reads it."""
    language = runtime.languages[requested_language()]
    return html.Main(
        id="account-root",
        className="administration account",
        children=[
            html.P(id="account-said", className="administration__said", role="status"),
            _who(language),
            _sessions(language),
            _password(language),
        ],
        **data(**{f"text-{key}": language.t(message) for key, message in _TEXTS.items()}),
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page to the app."""
    add_page(runtime, "account", _NAME, layout)


def _who(language: Language) -> html.Section:
    identity = current_identity()
    facts = [
        (language.t("Sign-in name"), identity.name),
        (language.t("Role"), role_name(language, identity.role)),
        (language.t("What it may do"), language.t(ROLE_RIGHTS[identity.role])),
    ]
    rows = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts]
    return _card(language.t(_NAME), [html.Dl(rows, className="account__facts")])


def _sessions(language: Language) -> html.Section:
    columns = (
        language.t("Signed in"),
        language.t("Last seen"),
        language.t("Ends"),
        language.t("Address"),
    )
    heads = [html.Th(column, scope="col") for column in columns]
    end = html.Button(
        language.t("Sign out everywhere else"),
        id="account-end",
        type="button",
        className="button",
        disabled=True,
    )
    table = html.Table([html.Thead(html.Tr(heads)), html.Tbody(id="account-sessions")], className="people")
    return _card(language.t("Where I am signed in"), [table, html.Div(end)])


def _password(language: Language) -> html.Section:
    rules = language.t(
        "{least} to {most} characters, without the sign-in name. Other sessions end.",
        least=SHORTEST,
        most=LONGEST,
    )
    form = html.Form(
        id="account-password",
        className="administration__form",
        children=[
            # Whose password it is: for the browser's own keeper of passwords.
            dcc.Input(type="hidden", name="username", value=current_identity().name, autoComplete="username"),
            _secret(language.t("Current password"), "current", "current-password"),
            _secret(language.t("New password"), "new", "new-password"),
            _secret(language.t("New password once more"), "again", "new-password"),
            html.Button(language.t("Change password"), type="submit", className="button button--main"),
        ],
    )
    said = html.P("", id="account-password-said", className="said", role="alert")
    return _card(language.t("Password"), [html.P(rules, className="page__note"), form, said])


def _secret(label: str, name: str, complete: str) -> html.Label:
    box = dcc.Input(
        id=f"account-{name}",
        name=name,
        type="password",
        value="",
        required=True,
        maxLength=LONGEST,
        autoComplete=complete,
    )
    return html.Label([html.Span(label), box], className="entry")


def _card(title: str, children: list[Any]) -> html.Section:
    head = html.H2(title, className="panel__title")
    return html.Section([head, *children], className="administration__card", **aria(label=title))
