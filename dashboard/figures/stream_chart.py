"""The chart of one stream: its line, its limits, and what detectors marked on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np

from dashboard.figures.faults import fault_bands
from dashboard.languages import Language
from dashboard.queries.charts import ChartData
from dashboard.queries.series import Series
from dashboard.theme import COLOURS, DOMAIN_COLOURS, FONT, STATE_COLOURS, px
from dashboard.wording import unit_name
from telemetry.alerts import Anomaly, Severity
from telemetry.city import Threshold
from telemetry.metrics import METRICS, Metric
from telemetry.quality import RULES

_DAY_MS = 86_400_000
_TICKS = [
    {"dtickrange": [None, 60_000], "value": "%H:%M:%S\n%d/%m"},
    {"dtickrange": [60_000, _DAY_MS], "value": "%H:%M\n%d/%m"},
    {"dtickrange": [_DAY_MS, None], "value": "%d/%m"},
]
_HEADROOM = 0.15
"""Limits farther from the data than this part of its span are left out of the view."""
_NAME_WIDTH = 0.22
"""Of the chart: the names of three limits end before its right third, where what is new happens."""
_WORST_FIRST = tuple(reversed(Severity))


def stream_chart(chart: ChartData, language: Language, keep: Sequence[float] = ()) -> dict[str, Any]:
    """The figure, ``keep`` in view. Its x axis is the city's clock: Plotly knows no time zones."""
    series, thresholds = chart.series, chart.thresholds
    metric = METRICS.get(series.stream.metric)
    shift_ms = _shift_ms(series.start, language)
    values = series.values
    low, high = view(np.append(values, keep), thresholds)
    shown = [t for t in thresholds if low <= t.limit <= high]
    layout = _layout(series, shift_ms, (low, high), metric, language)
    bands, names = fault_bands(series.faults, (series.start, chart.until), shift_ms, "paper", language)
    events = [anomaly for anomaly in chart.anomalies if anomaly.rule not in RULES]
    layout["shapes"] = [_limit(t) for t in shown] + _marks(events, chart.until, shift_ms) + bands
    layout["annotations"] = [_limit_name(t, place, language) for place, t in enumerate(shown)] + names
    if series.readings == 0:
        layout["annotations"].append(_nothing(language))
    return {"data": [_line(series, shift_ms, metric, language)], "layout": layout}


def view(values: np.ndarray, thresholds: Sequence[Threshold]) -> tuple[float, float]:
    """Bounds of the y axis: the data, and the limits that are near enough to matter."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    span = max(high - low, abs(high) * 0.02, 1e-6)
    near = [t.limit for t in thresholds if low - span <= t.limit <= high + span]
    low, high = min([low, *near]), max([high, *near])
    pad = max(high - low, span) * _HEADROOM
    return low - pad, high + pad


def _line(series: Series, shift_ms: int, metric: Metric | None, language: Language) -> dict[str, Any]:
    colour = DOMAIN_COLOURS.get(str(metric.domain), COLOURS["accent"]) if metric else COLOURS["accent"]
    unit = f" {unit_name(language, metric.unit)}" if metric and metric.unit else ""
    decimals = metric.decimals if metric else 2
    return {
        "type": "scatter",
        "mode": "lines",
        "x": (series.times + shift_ms).tolist(),
        "y": [None if np.isnan(v) else v for v in series.values.tolist()],
        "line": {"color": colour, "width": 1.8, "shape": "linear"},
        "connectgaps": False,
        "hovertemplate": f"%{{y:,.{decimals}f}}{unit}<extra></extra>",
        "meta": {"shift_ms": shift_ms, "stream_id": series.stream.stream_id},
    }


def _layout(
    series: Series, shift_ms: int, y_range: tuple[float, float], metric: Metric | None, language: Language
) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "gridcolor": COLOURS["line"],
        "linecolor": COLOURS["line"],
        "zeroline": False,
        "tickfont": {"color": COLOURS["muted"], "size": px(11)},
        "automargin": True,
    }
    bounds = [round(moment.timestamp() * 1000) + shift_ms for moment in (series.start, series.end)]
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "color": COLOURS["soft"], "size": px(12)},
        "margin": {"l": 8, "r": 12, "t": 26, "b": 8},
        "separators": ",." if language.code == "vi" else ".,",
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": COLOURS["raised"], "bordercolor": COLOURS["line-strong"]},
        "dragmode": "zoom",
        "uirevision": f"{series.stream.stream_id}:{bounds[1] - bounds[0]}",
        "xaxis": axis
        | {"type": "date", "range": bounds, "hoverformat": "%H:%M:%S %d/%m"}
        | {"tickformatstops": _TICKS, "nticks": 6},
        "yaxis": axis | {"range": list(y_range), "fixedrange": True},
        "title": {
            "text": unit_name(language, metric.unit) if metric else "",
            "x": 0.01,
            "y": 0.985,
            "font": {"size": px(11), "color": COLOURS["muted"]},
        },
    }


def _limit(threshold: Threshold) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": threshold.limit,
        "y1": threshold.limit,
        "line": {"color": STATE_COLOURS[str(threshold.severity)], "width": 1.2, "dash": "dash"},
        "layer": "below",
    }


def _limit_name(threshold: Threshold, place: int, language: Language) -> dict[str, Any]:
    return {
        "xref": "paper",
        "x": place % 3 * _NAME_WIDTH,  # side by side: alarm levels lie close together
        "xanchor": "left",
        "y": threshold.limit,
        "yanchor": "bottom",
        "showarrow": False,
        "text": plain(language.pick(threshold.name_vi, threshold.name_en)),
        "font": {"size": px(10), "color": STATE_COLOURS[str(threshold.severity)]},
        "bgcolor": COLOURS["panel"],  # over the line and the limits next to it
        "opacity": 0.85,
    }


def _marks(anomalies: Sequence[Anomaly], until: datetime, shift_ms: int) -> list[dict[str, Any]]:
    """Bands where something is marked: where several overlap, one of the worst, not a heap of all."""
    spans = [(one.started_at, one.ended_at or until, one.severity) for one in anomalies]
    turns = sorted({moment for start, end, _ in spans for moment in (start, end)})
    bands: list[tuple[datetime, datetime, Severity]] = []
    for first, last in pairwise(turns):
        over = [severity for start, end, severity in spans if start <= first and last <= end]
        worst = min(over, key=_WORST_FIRST.index, default=None)
        if worst is None:
            continue
        if bands and bands[-1][1:] == (first, worst):
            bands[-1] = bands[-1][0], last, worst
        else:
            bands.append((first, last, worst))
    return [_mark(*band, shift_ms) for band in bands]


def _mark(start: datetime, end: datetime, severity: Severity, shift_ms: int) -> dict[str, Any]:
    return {
        "type": "rect",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": round(start.timestamp() * 1000) + shift_ms,
        "x1": round(end.timestamp() * 1000) + shift_ms,
        "fillcolor": STATE_COLOURS[str(severity)],
        "opacity": 0.13,
        "line": {"width": 0},
        "layer": "below",
    }


def _nothing(language: Language) -> dict[str, Any]:
    return {
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
        "text": language.t("No readings in this time"),
        "font": {"size": px(13), "color": COLOURS["muted"]},
    }


def plain(text: str) -> str:
    """Text that Plotly's own small markup leaves as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _shift_ms(moment: datetime, language: Language) -> int:
    offset = moment.astimezone(language.zone).utcoffset()
    return round(offset.total_seconds() * 1000) if offset else 0
