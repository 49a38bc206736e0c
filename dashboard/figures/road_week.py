"""A road's day against what is usual, and its week as hour by day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from babel.dates import format_date
from numpy.typing import NDArray

from dashboard.figures.captions import course
from dashboard.figures.frame import clock_ms, layout, line, numbers
from dashboard.languages import Language
from dashboard.queries.traffic import RoadWeek
from dashboard.queries.usual import mean, usual
from dashboard.theme import COLOURS, DOMAIN_COLOURS, STATE_COLOURS, px

_DAY_MS, _HOUR_MS = 86_400_000, 3_600_000
_HOURS = 24


def day_against_usual(
    week: RoadWeek, values: NDArray[np.float64], unit: str, decimals: int, label: str, language: Language
) -> dict[str, Any]:
    """The last 24 hours of ``values`` (8, 96), called ``label``, and the usual course under them."""
    x, hover = clock_ms(week.times[-1], language), f"%{{y:,.{decimals}f}} {unit}"
    typical = line(
        x,
        usual(values, week.kind),
        language.t("Usual for the hour"),
        COLOURS["soft"],
        dash="dash",
        width=1.6,
        hovertemplate=hover,
    )
    today = line(x, values[-1], label, DOMAIN_COLOURS["traffic"], width=2.4, hovertemplate=hover)
    frame = layout(language, unit=unit, legend=True)
    frame["yaxis"]["rangemode"] = "tozero"
    return {"data": [today, typical], "layout": frame}


def day_said(
    week: RoadWeek, values: NDArray[np.float64], name: str, unit: str, decimals: int, language: Language
) -> str:
    """The day in a sentence, and how it stands against the usual where both are known."""
    said = course(name, week.times[-1], values[-1], unit, decimals, language)
    typical = usual(values, week.kind)
    both = np.isfinite(typical) & np.isfinite(values[-1]) & (typical > 0)
    if not both.any():
        return said
    share = language.number(100 * float(values[-1][both].mean() / typical[both].mean()))
    against = language.t("{share} % of what is usual.", share=share)
    return f"{said} {against}"


def heat_map(week: RoadWeek, language: Language) -> dict[str, Any]:
    """Mean speed by hour (across) and day (down); days without any reading are left out."""
    days, means = by_hour(week, language)
    names = [_day_name(day, language) for day in days.tolist()]
    cells = {
        "type": "heatmap",
        "x": list(range(_HOURS)),
        "y": names,
        "z": [numbers(row) for row in means],
        "colorscale": _slow_to_fast(),
        "colorbar": {
            "thickness": 10,
            "outlinewidth": 0,
            "tickfont": {"color": COLOURS["muted"], "size": px(11)},
        },
        "xgap": 1.5,
        "ygap": 1.5,
        "hoverongaps": False,
        "hovertemplate": "%{y} %{x}:00 · %{z:.1f} km/h<extra></extra>",
    }
    frame = layout(language, unit="km/h")
    frame["hovermode"] = "closest"
    frame["xaxis"] |= {"type": "linear", "dtick": 3, "ticksuffix": "h", "showgrid": False, "fixedrange": True}
    del frame["xaxis"]["tickformatstops"]  # hours are no dates
    frame["yaxis"] |= {"type": "category", "showgrid": False, "autorange": "reversed"}
    return {"data": [cells], "layout": frame}


def heat_said(week: RoadWeek, language: Language) -> str:
    """The slowest and the fastest hour of the week's mean day."""
    _, means = by_hour(week, language)
    there = np.isfinite(means)
    if not there.any():
        return language.t("{name}: no readings in this time.", name=language.t("Speed"))
    by = mean(means)
    slow, fast = int(np.nanargmin(by)), int(np.nanargmax(by))
    return language.t(
        "Slowest from {slow} h with {slow_speed}, fastest from {fast} h with {fast_speed}, mean of the days.",
        slow=slow,
        slow_speed=language.quantity(float(by[slow]), 1, "km/h"),
        fast=fast,
        fast_speed=language.quantity(float(by[fast]), 1, "km/h"),
    )


def by_hour(week: RoadWeek, language: Language) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Days (since 1970, the city's clock) that have readings, and mean speeds ``(day, 24)``."""
    clock = np.asarray(clock_ms(week.times.ravel(), language), np.int64)
    days, rows = np.unique(clock // _DAY_MS, return_inverse=True)
    hours = clock % _DAY_MS // _HOUR_MS
    total, count = np.zeros((len(days), _HOURS)), np.zeros((len(days), _HOURS))
    speed = week.speed.ravel()
    there = np.isfinite(speed)
    np.add.at(total, (rows[there], hours[there]), speed[there])
    np.add.at(count, (rows[there], hours[there]), 1)
    means = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    kept = count.any(axis=1)
    return days[kept], means[kept]


def _day_name(day: int, language: Language) -> str:
    return format_date(datetime.fromtimestamp(day * _DAY_MS / 1000, UTC), "EEE dd/MM", locale=language.locale)


def _slow_to_fast() -> list[list[Any]]:
    # Asked for anew each time: the colours follow the reader's theme.
    steps = ((0.0, "critical"), (0.3, "major"), (0.55, "minor"), (1.0, "ok"))
    return [[at, STATE_COLOURS[state]] for at, state in steps]
