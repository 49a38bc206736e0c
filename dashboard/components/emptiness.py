"""A page's or a panel's words where there is nothing to show."""

from __future__ import annotations

from dash import html


def nothing(title: str, hint: str) -> html.Div:
    """What is missing, and what to do about it."""
    return html.Div([html.P(title, className="empty__title"), html.P(hint)], className="empty", role="status")
