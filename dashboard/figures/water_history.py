"""Rain by step over the city, and the depth of water where it stood deepest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.figures.captions import moment
from dashboard.figures.frame import clock_ms, layout, line, numbers
from dashboard.figures.stream_chart import plain
from dashboard.languages import Language
from dashboard.queries.drainage import Gear, History
from dashboard.queries.usual import mean
from dashboard.theme import COLOURS, DOMAIN_COLOURS, SERIES_COLOURS


def rain_chart(rain: History, language: Language) -> dict[str, Any]:
    """Bars of the mean over all gauges, and the wettest gauge of each step as a line."""
    x = clock_ms(rain.times, language)
    everywhere, most = _over_gauges(rain)
    hover = "%{y:,.1f} mm"
    bars = {
        "type": "bar",
        "x": x,
        "y": numbers(everywhere),
        "name": language.t("Mean of the gauges"),
        "marker": {"color": DOMAIN_COLOURS["drainage"]},
        "hovertemplate": hover,
    }
    wettest = line(
        x, most, language.t("Wettest gauge"), COLOURS["soft"], dash="dot", width=1.6, hovertemplate=hover
    )
    frame = layout(language, unit="mm", legend=True)
    # Without rain the axis still says what a shower would look like.
    top = max(1.0, float(np.nanmax(most))) if np.isfinite(most).any() else 1.0
    frame["yaxis"]["range"] = [0, top * 1.08]
    frame["bargap"] = 0.25
    return {"data": [bars, wettest], "layout": frame}


def rain_said(rain: History, language: Language) -> str:
    """How much fell, and where most."""
    totals = np.nansum(rain.values, axis=1)
    if len(totals) == 0 or not np.isfinite(rain.values).any():
        return language.t("{name}: no readings in this time.", name=language.t("Rain"))
    most = int(totals.argmax())
    return language.t(
        "{mean} on average over the gauges; most at {gauge}: {most}.",
        mean=language.quantity(float(totals.mean()), 1, "mm"),
        gauge=_name(rain.gear[most], language),
        most=language.quantity(float(totals[most]), 1, "mm"),
    )


def flood_chart(floods: History, language: Language) -> dict[str, Any]:
    """A line for each of the spots that were deepest."""
    x = clock_ms(floods.times, language)
    lines = [
        line(
            x,
            floods.values[row],
            plain(_name(gear, language)),
            SERIES_COLOURS[row % len(SERIES_COLOURS)],
            hovertemplate="%{y:.2f} m",
        )
        for row, gear in enumerate(floods.gear)
    ]
    frame = layout(language, unit="m", legend=True)
    frame["yaxis"]["rangemode"] = "tozero"
    frame["legend"] |= {"y": -0.24, "yanchor": "top", "x": 0, "xanchor": "left"}
    return {"data": lines, "layout": frame}


def flood_said(floods: History, language: Language) -> str:
    """The deepest water, where and when."""
    top = int(np.nanargmax(floods.values))
    row, step = divmod(top, floods.values.shape[1])
    return language.t(
        "Deepest {depth} at {gauge}, {time}.",
        depth=language.quantity(float(floods.values[row, step]), 2, "m"),
        gauge=_name(floods.gear[row], language),
        time=moment(int(floods.times[step]), language),
    )


def _over_gauges(rain: History) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    there = np.isfinite(rain.values)
    most = np.where(there, rain.values, -np.inf).max(axis=0, initial=-np.inf)
    return mean(rain.values), np.where(there.any(axis=0), most, np.nan)


def _name(gear: Gear, language: Language) -> str:
    return language.pick(gear.device.name_vi, gear.device.name_en)
