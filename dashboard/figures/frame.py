"""What the desks' charts have in common: the look, the axes, the city's clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.languages import Language
from dashboard.theme import COLOURS, FONT, px

_DAY_MS = 86_400_000
TICKS = [
    {"dtickrange": [None, _DAY_MS], "value": "%H:%M\n%d/%m"},
    {"dtickrange": [_DAY_MS, None], "value": "%d/%m"},
]


def layout(language: Language, *, unit: str = "", legend: bool = False) -> dict[str, Any]:
    """A chart's layout with a time axis."""
    axis: dict[str, Any] = {
        "gridcolor": COLOURS["line"],
        "linecolor": COLOURS["line"],
        "zeroline": False,
        "tickfont": {"color": COLOURS["muted"], "size": px(11)},
        "automargin": True,
    }
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "color": COLOURS["soft"], "size": px(12)},
        "margin": {"l": 8, "r": 14, "t": 28, "b": 8},
        "separators": ",." if language.code == "vi" else ".,",
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": COLOURS["raised"], "bordercolor": COLOURS["line-strong"]},
        "xaxis": axis | {"type": "date", "hoverformat": "%H:%M %d/%m", "tickformatstops": TICKS, "nticks": 9},
        "yaxis": axis | {"fixedrange": True},
        "title": {"text": unit, "x": 0.01, "y": 0.985, "font": {"size": px(11), "color": COLOURS["muted"]}},
    }


def clock_ms(micros: NDArray[np.int64], language: Language) -> list[int]:
    """Times on the city's clock, in the milliseconds Plotly wants: it knows no time zones."""
    if len(micros) == 0:
        return []
    middle = datetime.fromtimestamp(float(micros[0]) / 1e6, language.zone).utcoffset()
    shift_ms = round(middle.total_seconds() * 1000) if middle else 0
    return (micros // 1000 + shift_ms).tolist()


def numbers(values: NDArray[np.float64]) -> list[float | None]:
    """Values with a hole where there is none."""
    return [value if np.isfinite(value) else None for value in values.tolist()]


def line(x: list[int], y: NDArray[np.float64], name: str, colour: str, **more: Any) -> dict[str, Any]:
    """A line; ``more`` overrides."""
    style = {"color": colour, "width": more.pop("width", 2), "dash": more.pop("dash", "solid")}
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": numbers(y),
        "name": name,
        "line": style,
        "connectgaps": False,
    } | more


def level(y: float, name: str, colour: str, *, x: float = 0.004) -> tuple[dict[str, Any], dict[str, Any]]:
    """A named horizontal line: the shape and its annotation, at ``x`` of the width."""
    shape = {
        "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y, "layer": "below",
        "line": {"color": colour, "width": 1.2, "dash": "dash"},
    }  # fmt: skip
    text = {
        "xref": "paper", "x": x, "xanchor": "left", "y": y, "yanchor": "bottom", "showarrow": False,
        "text": name, "font": {"size": px(10.5), "color": colour},
    }  # fmt: skip
    return shape, text


def now_mark(now_ms: int, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A vertical line at this moment: the shape and its annotation."""
    colour = COLOURS["soft"]
    shape = {
        "type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": now_ms, "x1": now_ms,
        "line": {"color": colour, "width": 1, "dash": "dot"},
    }  # fmt: skip
    text = {
        "yref": "paper", "y": 0, "yanchor": "bottom", "x": now_ms, "xanchor": "left", "showarrow": False,
        "text": name, "font": {"size": px(10.5), "color": colour},
    }  # fmt: skip
    return shape, text
