"""Load against yesterday and last week, and frequency inside its band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.figures.captions import course
from dashboard.figures.frame import clock_ms, layout, level, line
from dashboard.languages import Language, mark
from dashboard.queries.energy import Load
from dashboard.theme import COLOURS, DOMAIN_COLOURS, STATE_COLOURS
from telemetry.city import Threshold

_KW_PER_MW = 1000.0


def load_curve(load: Load, label: str, language: Language) -> dict[str, Any]:
    """Three days over each other on the clock of the last one, called ``label``, MW."""
    x, hover = clock_ms(load.times, language), "%{y:,.2f} MW"
    lines = (
        (load.week_before, language.t("A week before"), COLOURS["muted"], "dot", 1.8),
        (load.day_before, language.t("The day before"), COLOURS["soft"], "dash", 1.6),
        (load.last_day, label, DOMAIN_COLOURS["energy"], "solid", 2.4),
    )
    frame = layout(language, unit="MW", legend=True)
    frame["yaxis"]["rangemode"] = "tozero"
    made = [
        line(x, values / _KW_PER_MW, name, colour, dash=dash, width=width, hovertemplate=hover)
        for values, name, colour, dash, width in lines
    ]
    return {"data": made, "layout": frame}


def load_said(load: Load, language: Language) -> str:
    """The day in a sentence, and its energy against the day and the week before."""
    said = [course(language.t("Load"), load.times, load.last_day / _KW_PER_MW, "MW", 1, language)]
    for values, message in (
        (load.day_before, mark("{share} % against the day before.")),
        (load.week_before, mark("{share} % against the week before.")),
    ):
        both = np.isfinite(values) & np.isfinite(load.last_day)
        before = float(values[both].sum())
        if before > 0:
            change = 100 * (float(load.last_day[both].sum()) / before - 1)
            said.append(language.t(message, share=language.signed(change, 1)))
    return " ".join(said)


def frequency_said(times: NDArray[np.int64], values: NDArray[np.float64], language: Language) -> str:
    """The frequency in a sentence."""
    return course(language.t("Frequency"), times, values, "Hz", 3, language)


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
