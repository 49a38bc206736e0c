"""Load against yesterday and last week, and frequency inside its band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.figures.frame import clock_ms, layout, level, line
from dashboard.languages import Language
from dashboard.queries.energy import Load
from dashboard.theme import COLOURS, DOMAIN_COLOURS, STATE_COLOURS
from telemetry.city import Threshold

_KW_PER_MW = 1000.0


def load_curve(load: Load, language: Language) -> dict[str, Any]:
    """Three days over each other on the clock of the last one, MW."""
    x, hover = clock_ms(load.times, language), "%{y:,.2f} MW"
    lines = (
        (load.week_before, language.t("A week before"), STATE_COLOURS["unknown"], "dot", 1.6),
        (load.day_before, language.t("The day before"), COLOURS["muted"], "dash", 1.6),
        (load.last_day, language.t("Last 24 hours"), DOMAIN_COLOURS["energy"], "solid", 2.4),
    )
    frame = layout(language, unit="MW", legend=True)
    frame["yaxis"]["rangemode"] = "tozero"
    made = [
        line(x, values / _KW_PER_MW, name, colour, dash=dash, width=width, hovertemplate=hover)
        for values, name, colour, dash, width in lines
    ]
    return {"data": made, "layout": frame}


def frequency_curve(
    times: NDArray[np.int64], values: NDArray[np.float64], limits: Sequence[Threshold], language: Language
) -> dict[str, Any]:
    """The frequency and the limits that watch it, Hz."""
    frame = layout(language, unit="Hz")
    marked = [
        level(item.limit, f"{language.number(item.limit, 1)} Hz", STATE_COLOURS[str(item.severity)])
        for item in limits
    ]
    frame["shapes"] = [shape for shape, _ in marked]
    frame["annotations"] = [text for _, text in marked]
    finite = values[np.isfinite(values)].tolist()
    every = [*finite, *(item.limit for item in limits)]
    if every:
        frame["yaxis"]["range"] = [min(every) - 0.05, max(every) + 0.08]
    drawn = line(
        clock_ms(times, language),
        values,
        "",
        DOMAIN_COLOURS["energy"],
        hovertemplate="%{y:.3f} Hz<extra></extra>",
    )
    return {"data": [drawn], "layout": frame}
