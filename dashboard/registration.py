"""Registering a page with Dash: its address, its title in the reader's language, what its address keeps."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import dash
from dash import ClientsideFunction, Dash, Input

from dashboard.languages import requested_language
from dashboard.runtime import Runtime


def add_page(
    runtime: Runtime,
    name: str,
    message: str,
    layout: Callable[..., Any],
    *,
    path: str = "",
    template: str = "",
) -> None:
    """Add a page; ``message`` is its name, marked for the catalogues.

    It is at ``/<name>`` unless ``path`` or a path ``template`` says otherwise;
    ``layout`` takes the runtime, then the address's parameters.
    """

    def title(**_: str) -> str:
        return f"{runtime.languages[requested_language()].t(message)} · CityOps"

    place = {"path_template": template} if template else {"path": path or f"/{name}"}
    dash.register_page(  # pyright: ignore[reportUnknownMemberType]
        name, title=title, layout=functools.partial(layout, runtime), **place
    )


def remember(app: Dash, *controls: str) -> None:
    """Keep controls in the address: ``traffic-road`` is kept as ``?road=`` (see ``assets/desk.js``)."""
    for control in controls:
        app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
            ClientsideFunction("desk", "remember"), Input(control, "value")
        )
