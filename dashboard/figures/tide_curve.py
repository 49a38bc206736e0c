"""The tide: what was seen, the astronomic curve ahead, the legal alarm levels."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.figures.captions import course, moment
from dashboard.figures.frame import clock_ms, layout, line, now_mark
from dashboard.languages import Language
from dashboard.queries.drainage import TideCurve
from dashboard.theme import COLOURS, DOMAIN_COLOURS, STATE_COLOURS
from telemetry.readings import to_micros

_STATES = ("minor", "major", "critical")
_DASHES = ("dot", "dash", "longdash")
_PAD_M = 0.15


def tide_curve(curve: TideCurve, language: Language) -> dict[str, Any]:
    """The figure."""
    frame = layout(language, unit="m", legend=True)
    now = clock_ms(np.asarray([to_micros(curve.now)], np.int64), language)[0]
    shape, text = now_mark(now, language.t("now"))
    frame["shapes"], frame["annotations"] = [shape], [text]
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
        COLOURS["soft"],
        dash="dash",
        width=1.6,
        hovertemplate=hover,
    )
    alarms = _alarms(curve, language)
    every = np.concatenate((curve.observed, curve.astronomic, [alarm["y"][0] for alarm in alarms]))
    if len(every):
        frame["yaxis"]["range"] = [float(every.min()) - _PAD_M, float(every.max()) + _PAD_M]
    return {"data": [*alarms, ahead, seen], "layout": frame}


def tide_said(curve: TideCurve, language: Language) -> str:
    """What was seen, and the next high water."""
    said = course(language.t("Water level"), curve.times, curve.observed, "m", 2, language)
    peak = next_high(curve)
    if peak is None:
        return said
    at, metres = peak
    ahead = language.t(
        "Next astronomic high water {level} at {time}.",
        level=language.quantity(metres, 2, "m"),
        time=moment(at, language),
    )
    return f"{said} {ahead}"


def next_high(curve: TideCurve) -> tuple[int, float] | None:
    """Time (µs) and level of the first high water after now."""
    later = curve.ahead_times > to_micros(curve.now)
    times, level = curve.ahead_times[later], curve.astronomic[later]
    tops = np.flatnonzero((level[1:-1] >= level[:-2]) & (level[1:-1] > level[2:])) + 1
    return (int(times[tops[0]]), float(level[tops[0]])) if len(tops) else None


def _alarms(curve: TideCurve, language: Language) -> list[dict[str, Any]]:
    """A line a level, named in the legend: the levels lie too close together for names beside them."""
    levels = sorted(curve.alarms.levels_m.items(), key=lambda item: item[1]) if curve.alarms else []
    states = _STATES[len(_STATES) - len(levels) :]  # a single published level is the worst one
    times = curve.ahead_times if len(curve.ahead_times) else curve.times
    ends = clock_ms(times, language)[:: max(1, len(times) - 1)]
    return [
        line(
            ends,
            np.full(len(ends), metres),
            f"{_level_name(key, language)} {language.number(metres, 2)} m",
            STATE_COLOURS[state],
            dash=dash,
            width=1.3,
            hoverinfo="skip",
        )
        for (key, metres), state, dash in zip(levels, states, _DASHES, strict=False)
    ]


def _level_name(key: str, language: Language) -> str:
    number = key.removeprefix("bd")
    return language.pick(f"BĐ{number}", f"Alarm {number}")
