"""The fan of a forecast: its median, and the band in which four fifths of the futures lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dashboard.details import instant, reals
from dashboard.figures.frame import numbers
from dashboard.languages import Language
from dashboard.theme import COLOURS, px

_MOST_STEPS = 60
"""A detail is a finding's own data, but drawn no longer than it may be."""
_NAMES = ("times_ms", "low", "median", "high")


def fan_columns(detail: Mapping[str, Any]) -> dict[str, list[float]] | None:
    """The forecast a detail holds: equally long columns of numbers; ``None`` where it holds none."""
    columns = {name: detail.get(name) for name in _NAMES}
    found = {name: reals(column, _MOST_STEPS) for name, column in columns.items()}
    lengths = {len(column) for column in found.values()}
    return found if lengths != {0} and len(lengths) == 1 and max(lengths) <= _MOST_STEPS else None


def fan(detail: Mapping[str, Any], shift_ms: int, language: Language) -> list[dict[str, Any]]:
    """Traces to lay over a stream's line, on the city's clock; none where there is no forecast."""
    columns = fan_columns(detail)
    if columns is None:
        return []
    times = [round(time) + shift_ms for time in columns["times_ms"]]
    around = [*columns["high"], *reversed(columns["low"])]
    name = language.t("Forecast")
    band = {
        "type": "scatter",
        "mode": "lines",
        "x": [*times, *reversed(times)],
        "y": numbers(np.array(around)),
        "fill": "toself",
        "fillcolor": _translucent(COLOURS["accent"], 0.18),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "name": name,
        "meta": {"role": "fan"},
    }
    middle = {
        "type": "scatter",
        "mode": "lines",
        "x": times,
        "y": numbers(np.array(columns["median"])),
        "line": {"color": COLOURS["accent"], "width": 1.8, "dash": "dash"},
        "hovertemplate": name + " %{y:,.2f}<extra></extra>",
        "name": name,
        "meta": {"role": "median"},
    }
    return [band, middle]


def crossing(
    detail: Mapping[str, Any], shift_ms: int, limit: float | None, language: Language
) -> list[dict[str, Any]]:
    """When the limit is likely to be passed: a point on it, and a bar from the earliest to the latest.

    An end that lies beyond the forecast has no bar.
    """
    likely, earliest, latest = (
        instant(detail.get(f"{name}_ms")) for name in ("likely", "earliest", "latest")
    )
    if likely is None or limit is None:
        return []
    ends = ((latest or likely) - likely, likely - (earliest or likely))
    after, before = (max(0.0, end.total_seconds() * 1000) for end in ends)
    return [
        {
            "type": "scatter",
            "mode": "markers+text",
            "x": [round(likely.timestamp() * 1000) + shift_ms],
            "y": [limit],
            "error_x": {"type": "data", "symmetric": False, "array": [after], "arrayminus": [before]}
            | {"color": COLOURS["text"], "thickness": 1.6, "width": px(5)},
            "marker": {"color": COLOURS["text"], "size": px(8), "symbol": "diamond"},
            "text": [language.time(likely)],
            "textposition": "bottom right",
            "textfont": {"color": COLOURS["text"], "size": px(11)},
            "hovertemplate": language.t("Likely to be passed") + " %{text}<extra></extra>",
            "meta": {"role": "crossing"},
        }
    ]


def _translucent(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
