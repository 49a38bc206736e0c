"""The tide: what was seen, the astronomic curve ahead, the legal alarm levels."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.figures.frame import clock_ms, layout, level, line, now_mark
from dashboard.languages import Language
from dashboard.queries.drainage import TideCurve
from dashboard.theme import COLOURS, DOMAIN_COLOURS, STATE_COLOURS
from telemetry.readings import to_micros

_STATES = ("minor", "major", "critical")
_PAD_M = 0.15


def tide_curve(curve: TideCurve, language: Language) -> dict[str, Any]:
    """The figure."""
    frame = layout(language, unit="m", legend=True)
    lines = _alarms(curve, language)
    now = clock_ms(np.asarray([to_micros(curve.now)], np.int64), language)[0]
    marked = [*lines, now_mark(now, language.t("now"))]
    frame["shapes"] = [shape for shape, _ in marked]
    frame["annotations"] = [text for _, text in marked]
    levels = [shape["y0"] for shape, _ in lines]
    every = np.concatenate((curve.observed, curve.astronomic, np.asarray(levels, np.float64)))
    if len(every):
        frame["yaxis"]["range"] = [float(every.min()) - _PAD_M, float(every.max()) + _PAD_M]
    hover = "%{y:.2f} m"
    seen = line(
        clock_ms(curve.times, language),
        curve.observed,
        language.t("Observed"),
        DOMAIN_COLOURS["drainage"],
        width=2.4,
        hovertemplate=hover,
    )
    ahead = line(
        clock_ms(curve.ahead_times, language),
        curve.astronomic,
        language.t("Astronomic tide"),
        COLOURS["muted"],
        dash="dash",
        width=1.6,
        hovertemplate=hover,
    )
    return {"data": [ahead, seen], "layout": frame}


def _alarms(curve: TideCurve, language: Language) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    levels = sorted(curve.alarms.levels_m.items(), key=lambda item: item[1]) if curve.alarms else []
    states = _STATES[len(_STATES) - len(levels) :]  # a single published level is the worst one
    # Names side by side: the levels lie close together.
    return [
        level(
            metres, f"{_level_name(key, language)} {language.number(metres, 2)} m", STATE_COLOURS[state], x=x
        )
        for (key, metres), state, x in zip(levels, states, (0.004, 0.094, 0.184), strict=False)
    ]


def _level_name(key: str, language: Language) -> str:
    number = key.removeprefix("bd")
    return language.pick(f"BĐ{number}", f"Alarm {number}")
