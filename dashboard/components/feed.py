"""The alert feed's frame; the scripts keep its list."""

from __future__ import annotations

from dash import html

from dashboard.components.attributes import aria
from dashboard.languages import Language


def feed(language: Language) -> html.Section:
    """Live alerts, newest first."""
    return html.Section(
        className="feed",
        children=[
            html.Div(
                [
                    html.H2(language.t("Live alerts"), className="panel__title"),
                    html.Span("–", id="overview-feed-count", className="pill"),
                ],
                className="feed__head",
            ),
            html.Ol(
                id="overview-feed",
                className="feed__list",
                children=[html.Li(className="skeleton feed__skeleton") for _ in range(6)],
                **aria(live="polite", busy="true"),
            ),
        ],
        **aria(label=language.t("Live alerts")),
    )
