"""What is shown at an address that no page has."""

from __future__ import annotations

from dash import Dash, html

from dashboard.components.emptiness import nothing
from dashboard.languages import mark, requested_language
from dashboard.registration import add_page
from dashboard.runtime import Runtime

_NAME = mark("No such page")


def layout(runtime: Runtime, **_: str) -> html.Main:
    """What is missing, and where to go on."""
    language = runtime.languages[requested_language()]
    hint = language.t("The address may be mistyped, or what it named is gone.")
    return html.Main(
        [
            nothing(language.t(_NAME), hint),
            html.A(language.t("To the overview"), href="/", className="button"),
        ],
        id="missing-root",
        className="page missing",
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page to the app, under the name by which Dash finds it for any unknown address."""
    add_page(runtime, "not_found_404", _NAME, layout, path="/no-such-page")
