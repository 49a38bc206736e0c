"""The mark of a state: its colour and its shape, and its name for those who see neither."""

from __future__ import annotations

from dash import html

from dashboard.components.attributes import aria
from dashboard.languages import Language
from dashboard.wording import state_name

WORST_FIRST = ("critical", "major", "minor", "silent", "info", "unknown", "ok")
"""States in the order in which people look after them."""


def state_mark(state: str, language: Language, *, large: bool = False) -> html.Span:
    """A small shape in the state's colour; the shapes are in ``assets/marks.css``."""
    size = " mark--large" if large else ""
    return html.Span(
        className=f"mark mark--{state}{size}",
        role="img",
        title=state_name(language, state),
        **aria(label=state_name(language, state)),
    )
