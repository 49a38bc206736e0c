"""A row of small bars: how a number went over the last while."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html

from dashboard.components.attributes import aria


def bars(values: Sequence[float | None], said: str) -> html.Div:
    """A bar a value, the highest as tall as the row; ``said`` is what they show, in a sentence."""
    top = max((value for value in values if value is not None), default=0.0) or 1.0
    return html.Div(
        [
            html.Span(style={"height": f"{100 * max(0.0, value or 0.0) / top:.1f}%"}, className="bars__bar")
            for value in values
        ],
        className="bars",
        role="img",
        title=said,
        **aria(label=said),
    )
