"""A page's or a panel's words where there is nothing to show."""

from __future__ import annotations

from dash import html


def nothing(title: str, hint: str) -> html.Div:
    """What is missing, and what to do about it; commands of the hint stand in backticks."""
    said = [html.Code(part) if place % 2 else part for place, part in enumerate(hint.split("`"))]
    return html.Div([html.P(title, className="empty__title"), html.P(said)], className="empty", role="status")
