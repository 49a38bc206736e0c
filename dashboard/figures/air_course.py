"""A day of VN_AQI at a station: a bar an hour in the category's official colour."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.figures import captions
from dashboard.figures.frame import clock_ms, layout
from dashboard.languages import Language
from dashboard.queries.environment import AirCourse
from dashboard.theme import AQI_COLOURS, COLOURS
from dashboard.wording import AIR_CATEGORIES
from telemetry.metrics import METRICS


def air_course(course: AirCourse, language: Language) -> dict[str, Any]:
    """The figure; an hour without an index has no bar."""
    both = zip(clock_ms(course.times, language), course.indices, strict=True)
    hours = [(x, index) for x, index in both if index]
    bars = {
        "type": "bar",
        "x": [x for x, _ in hours],
        "y": [index.value for _, index in hours],
        "marker": {
            "color": [AQI_COLOURS[index.category][0] for _, index in hours],
            "line": {"color": COLOURS["panel"], "width": 1},
        },
        "customdata": [
            [language.t(AIR_CATEGORIES[index.category]), _metric(index.dominant, language)]
            for _, index in hours
        ],
        "hovertemplate": "VN_AQI %{y} · %{customdata[0]} · %{customdata[1]}<extra></extra>",
    }
    frame = layout(language, unit="VN_AQI")
    frame["bargap"] = 0.42
    frame["yaxis"]["rangemode"] = "tozero"
    return {"data": [bars], "layout": frame}


def air_said(course: AirCourse, language: Language) -> str:
    """The day's range in a sentence."""
    values = np.asarray([index.value if index else np.nan for index in course.indices], np.float64)
    return captions.course("VN_AQI", course.times, values, "", 0, language)


def _metric(key: str, language: Language) -> str:
    return language.pick(METRICS[key].name_vi, METRICS[key].name_en)
