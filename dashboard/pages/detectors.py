"""Detectors: which run, with which parameters, who decided so and why. Operators read, engineers change.

The page's script (``assets/detectors.js``) edits, checks and applies through the REST interface,
where the rights are asked for.
"""

from __future__ import annotations

from typing import Any

import msgspec
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboard.auth.identity import current_identity
from dashboard.components.attributes import data
from dashboard.components.detector_editor import editor
from dashboard.components.detectors import parts
from dashboard.config_faults import fault_texts
from dashboard.languages import mark, requested_language
from dashboard.queries.detection import Picture, read_picture
from dashboard.registration import add_page
from dashboard.runtime import Runtime
from telemetry.people import Role

_REFRESH_MS = 3_000

_TEXTS = {
    "cancel": mark("Cancel"),
    "reason": mark("Reason"),
    "why": mark("Why? It is kept with the version."),
    "toml": mark("Detectors, as TOML"),
    "added": mark("added"),
    "removed": mark("removed"),
    "nothing": mark("nothing"),
    "same": mark("These two say the same."),
    "unchanged": mark("Nothing differs from the version in force."),
    "line": mark("line {line}"),
    "good": mark("{count} detectors, nothing wrong with them."),
    "applied": mark("Version {version} is in force; analytics takes it up between two batches."),
    "compare": mark("Compare versions"),
    "before": mark("Before"),
    "after": mark("After"),
    "restore": mark("Put version {version} in force"),
    "activate": mark("Put in force"),
    "doubt-no-stream": mark("{detector}: {key} matches no stream"),
    "doubt-no-stream-at-all": mark("{detector}: watches no stream"),
    "doubt-alike": mark("{detector}: does the same as {other}"),
    "doubt-none-enabled": mark("No detector is on: nothing is watched"),
}


def layout(runtime: Runtime, **_: str) -> html.Main:
    """The page; a callback fills it every few seconds, the editor stays as it is."""
    language = runtime.languages[requested_language()]
    may_change = current_identity().allows(Role.ENGINEER)
    acts: list[Any] = [
        html.Button(language.t("Compare versions"), type="button", className="button", **data(act="compare"))
    ]
    if may_change:
        acts.append(html.A(language.t("Bench"), href="/bench", className="button"))
        acts.append(
            html.Button(
                language.t("Change"), type="button", className="button button--main", **data(act="edit")
            )
        )
    return html.Main(
        id="detectors-root",
        className="page",
        tabIndex=0,
        children=[
            dcc.Interval(id="detectors-tick", interval=_REFRESH_MS),
            dcc.Store(id="detectors-drawn"),
            html.Div(
                [
                    html.H2(language.t("Detectors"), className="page__title"),
                    html.Div(acts, className="acts detectors__acts"),
                ],
                className="page__head",
            ),
            html.P(id="detectors-said", className="mend__said", role="status"),
            *([editor(language)] if may_change else []),
            html.Div(html.Div(className="skeleton desk__skeleton"), id="detectors-place"),
        ],
        **data(**{f"text-{key}": language.t(text) for key, text in _TEXTS.items()}),
        **data(faults=msgspec.json.encode(fault_texts(language)).decode()),
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callback to the app."""
    add_page(runtime, "detectors", mark("Detectors"), layout)

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("detectors-place", "children"),
        Output("detectors-drawn", "data"),
        Input("detectors-tick", "n_intervals"),
        State("detectors-drawn", "data"),
    )
    async def show(_: int | None, drawn: str | None) -> tuple[Any, Any]:
        language = runtime.languages[requested_language()]
        picture = await runtime.query(read_picture)
        found = _mark_of(picture)
        if found == drawn:
            return no_update, no_update
        may_change = current_identity().allows(Role.ENGINEER)
        return parts(picture, language, may_change=may_change), found


def _mark_of(picture: Picture) -> str:
    """Another one when something else is to be drawn."""
    shown = (picture.active, picture.running, picture.fault, len(picture.devices), len(picture.versions))
    return repr(shown)
