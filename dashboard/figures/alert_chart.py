"""The signal around an alert: its stream's chart, with the usual range or the forecast, and its moments."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dashboard.figures.fan import fan
from dashboard.figures.stream_chart import stream_chart
from dashboard.languages import Language
from dashboard.queries.charts import ChartData
from dashboard.theme import COLOURS, STATE_COLOURS
from telemetry.alerts import Alert


def alert_chart(chart: ChartData, alert: Alert, language: Language) -> dict[str, Any]:
    """The figure; the usual range is drawn where the alert knows one of its ends.

    An early warning shows the fan of its forecast, and the time in view reaches to its end.
    """
    figure = stream_chart(chart.series, chart.thresholds, chart.anomalies, language)
    shapes: list[dict[str, Any]] = figure["layout"]["shapes"]
    shift_ms: int = figure["data"][0]["meta"]["shift_ms"]
    low, high = figure["layout"]["yaxis"]["range"]
    if alert.expected_low is not None or alert.expected_high is not None:
        bottom = low if alert.expected_low is None else alert.expected_low
        top = high if alert.expected_high is None else alert.expected_high
        shapes.append(_band(bottom, top))
    traces = fan(alert.detail, shift_ms, language)
    if traces:
        figure["data"] += traces
        _widen(figure["layout"], traces)
    shapes.append(_moment(alert.opened_at, shift_ms, STATE_COLOURS[str(alert.severity)]))
    if alert.resolved_at is not None:
        shapes.append(_moment(alert.resolved_at, shift_ms, STATE_COLOURS["ok"]))
    return figure


def _widen(layout: dict[str, Any], traces: list[dict[str, Any]]) -> None:
    """Bring the fan into view, in time and in value."""
    first, last = layout["xaxis"]["range"]
    layout["xaxis"]["range"] = [first, max(last, *traces[0]["x"])]
    values = [value for value in traces[0]["y"] if value is not None]
    low, high = layout["yaxis"]["range"]
    layout["yaxis"]["range"] = [min(low, *values), max(high, *values)]


def _band(low: float, high: float) -> dict[str, Any]:
    return {
        "type": "rect",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": low,
        "y1": high,
        "fillcolor": COLOURS["accent"],
        "opacity": 0.08,
        "line": {"width": 0},
        "layer": "below",
    }


def _moment(at: datetime, shift_ms: int, colour: str) -> dict[str, Any]:
    x = round(at.timestamp() * 1000) + shift_ms
    return {
        "type": "line",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": x,
        "x1": x,
        "line": {"color": colour, "width": 1.4, "dash": "dot"},
    }
