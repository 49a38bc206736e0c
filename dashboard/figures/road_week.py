"""A road's last day against what is usual, and its week as hour by day."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.figures.frame import clock_ms, layout, line
from dashboard.languages import Language
from dashboard.queries.traffic import RoadWeek
from dashboard.queries.usual import usual
from dashboard.theme import COLOURS, DOMAIN_COLOURS, STATE_COLOURS

_DAY_MS, _HOUR_MS = 86_400_000, 3_600_000


def day_against_usual(
    week: RoadWeek, values: NDArray[np.float64], unit: str, decimals: int, language: Language
) -> dict[str, Any]:
    """The last 24 hours of ``values`` (8, 96) and the usual course under them."""
    x, hover = clock_ms(week.times[-1], language), f"%{{y:,.{decimals}f}} {unit}"
    typical = line(
        x,
        usual(values, week.kind),
        language.t("Usual for the hour"),
        COLOURS["muted"],
        dash="dash",
        width=1.6,
        hovertemplate=hover,
    )
    today = line(
        x, values[-1], language.t("Last 24 hours"), DOMAIN_COLOURS["traffic"], width=2.4, hovertemplate=hover
    )
    frame = layout(language, unit=unit, legend=True)
    frame["yaxis"]["rangemode"] = "tozero"
    return {"data": [typical, today], "layout": frame}


def heat_map(week: RoadWeek, language: Language) -> dict[str, Any]:
    """Mean speed by hour (across) and day (down)."""
    clock = np.asarray(clock_ms(week.times.ravel(), language), np.int64)
    days, rows = np.unique(clock // _DAY_MS, return_inverse=True)
    hours = clock % _DAY_MS // _HOUR_MS
    total, count = np.zeros((len(days), 24)), np.zeros((len(days), 24))
    speed = week.speed.ravel()
    there = np.isfinite(speed)
    np.add.at(total, (rows[there], hours[there]), speed[there])
    np.add.at(count, (rows[there], hours[there]), 1)
    means = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    cells = {
        "type": "heatmap",
        "x": list(range(24)),
        "y": (days * _DAY_MS).tolist(),
        "z": [[value if np.isfinite(value) else None for value in row] for row in means.tolist()],
        "colorscale": _slow_to_fast(),
        "colorbar": {"thickness": 10, "outlinewidth": 0, "tickfont": {"color": COLOURS["muted"], "size": 11}},
        "xgap": 1.5,
        "ygap": 1.5,
        "hovertemplate": "%{y|%d/%m} %{x}:00 · %{z:.1f} km/h<extra></extra>",
    }
    frame = layout(language, unit="km/h")
    frame["hovermode"] = "closest"
    frame["xaxis"] |= {"type": "linear", "dtick": 3, "ticksuffix": "h", "showgrid": False}
    frame["yaxis"] |= {"type": "date", "tickformat": "%d/%m", "dtick": _DAY_MS, "showgrid": False}
    frame["yaxis"]["autorange"] = "reversed"
    return {"data": [cells], "layout": frame}


def _slow_to_fast() -> list[list[Any]]:
    # Asked for anew each time: the colours follow the reader's theme.
    steps = ((0.0, "critical"), (0.3, "major"), (0.55, "minor"), (1.0, "ok"))
    return [[at, STATE_COLOURS[state]] for at, state in steps]
