"""Voltage by level as a share of nominal, inside its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.figures.frame import clock_ms, layout, level, line
from dashboard.languages import Language
from dashboard.queries.energy import VoltageBand
from dashboard.theme import SERIES_COLOURS, STATE_COLOURS

_FILL = "38"
"""Opacity of a band, as the end of its colour."""


def voltage_chart(
    bands: Sequence[VoltageBand], limits: Mapping[float, str], language: Language
) -> dict[str, Any]:
    """A band from the lowest to the highest supply of a level, its mean as a line; per cent from nominal.

    ``limits`` are the severities by their share of nominal.
    """
    frame = layout(language, unit="%", legend=True)
    marked = [
        level(100 * share, f"{language.signed(100 * share, 0)} %", STATE_COLOURS[severity])
        for share, severity in limits.items()
    ]
    frame["shapes"] = [shape for shape, _ in marked]
    frame["annotations"] = [text for _, text in marked]
    reach = max((abs(share) for share in limits), default=0.05)
    frame["yaxis"]["range"] = [-130 * reach, 150 * reach]
    return {
        "data": [trace for n, band in enumerate(bands) for trace in _band(band, n, language)],
        "layout": frame,
    }


def voltage_said(bands: Sequence[VoltageBand], language: Language) -> str:
    """The least and the greatest share of each level."""
    said = [
        language.t(
            "{level} {low} to {high} %",
            level=level_name(band.nominal_v, language),
            low=language.signed(100 * float(np.nanmin(band.low)), 1),
            high=language.signed(100 * float(np.nanmax(band.high)), 1),
        )
        for band in bands
        if np.isfinite(band.low).any()
    ]
    return "; ".join(said) + "." if said else language.t("No readings in this time")


def level_name(volts: float, language: Language) -> str:
    """``22 kV``, ``380 V``."""
    return language.quantity(volts / 1000, 0, "kV") if volts >= 1000 else language.quantity(volts, 0, "V")


def _band(band: VoltageBand, place: int, language: Language) -> list[dict[str, Any]]:
    x, colour = clock_ms(band.times, language), SERIES_COLOURS[place % len(SERIES_COLOURS)]
    edge = {"hoverinfo": "skip", "showlegend": False, "width": 0}
    name = level_name(band.nominal_v, language)
    return [
        line(x, 100 * band.low, "", colour, **edge),
        line(x, 100 * band.high, "", colour, fill="tonexty", fillcolor=colour + _FILL, **edge),
        line(x, 100 * band.mean, name, colour, width=1.8, hovertemplate="%{y:+.2f} %"),
    ]
