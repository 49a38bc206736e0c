"""Plain tables: a head of column names, rows below."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component


def sheet(names: Sequence[str], rows: Sequence[html.Tr]) -> html.Table:
    """A table; every column has a name."""
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in names]))
    return html.Table([head, html.Tbody(list(rows))], className="sheet")


def titled(title: str, *content: Component) -> html.Section:
    """A panel with a title."""
    return html.Section([html.H3(title, className="panel__title"), *content], className="panel section")
