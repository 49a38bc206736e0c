"""The signal around an alert: its stream's chart, with the usual range or the forecast, and its moments."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dashboard.details import real, text
from dashboard.figures.fan import crossing, fan
from dashboard.figures.frame import level
from dashboard.figures.stream_chart import plain, stream_chart
from dashboard.languages import Language
from dashboard.queries.charts import ChartData
from dashboard.theme import COLOURS, STATE_COLOURS, px
from telemetry.alerts import Alert

_OF_OTHER = frozenset(("vn_aqi", "dropping"))
"""Rules whose value is none of the line: an hour's mean, a share of messages."""
_LEVELS = frozenset(("limit", "forecast"))
"""Rules whose detail's ``limit`` is a value of the stream."""
_LEAST_SHARE, _LEAST_MS = 0.06, 900_000
"""The usual range reaches so far beyond the times it was told for, as a share of the view or at least."""


def alert_chart(chart: ChartData, alert: Alert, told_at: datetime, language: Language) -> dict[str, Any]:
    """The figure; the usual range is drawn where the alert knows one of its ends.

    The limit that was passed is in view, and the value that was told (at ``told_at``). An
    early warning shows the fan of its forecast, and the time in view reaches to its end.
    """
    limit = _limit_of(alert)
    own = None if alert.rule in _OF_OTHER else real(alert.value)
    keep = [value for value in (limit, own) if value is not None]
    figure = stream_chart(chart, language, keep)
    layout, shift_ms = figure["layout"], int(figure["data"][0]["meta"]["shift_ms"])
    _expect(layout, alert, limit, (told_at, shift_ms), language)
    if limit is not None and limit not in [threshold.limit for threshold in chart.thresholds]:
        _draw(layout, level(limit, _limit_name(alert, language), STATE_COLOURS[str(alert.severity)], x=0.4))
    traces = fan(alert.detail, shift_ms, language)
    if traces:
        figure["data"] += [*traces, *crossing(alert.detail, shift_ms, limit, language)]
        _widen(layout, traces)
        for said in layout["annotations"]:
            said.pop("bgcolor", None)  # a name lets the forecast behind it through
    elif own is not None:
        figure["data"].append(_observed(alert, told_at, shift_ms, language))
    if alert.rule == "offset":
        _draw(layout, _before(alert, language))
    opened, resolved = STATE_COLOURS[str(alert.severity)], STATE_COLOURS["ok"]
    _draw(layout, _moment(alert.opened_at, language.t("Opened"), shift_ms, opened, "right"))
    if alert.resolved_at is not None:
        _draw(layout, _moment(alert.resolved_at, language.t("Resolved"), shift_ms, resolved, "left"))
    return figure


def _draw(layout: dict[str, Any], part: tuple[dict[str, Any], dict[str, Any]] | None) -> None:
    if part is not None:
        layout["shapes"].append(part[0])
        layout["annotations"].append(part[1])


def _limit_of(alert: Alert) -> float | None:
    """The level an alert is about; that of a rate or an index is none of its stream's."""
    return real(alert.detail.get("limit")) if alert.rule.partition(":")[0] in _LEVELS else None


def _limit_name(alert: Alert, language: Language) -> str:
    detail = alert.detail
    return plain(language.pick(text(detail.get("name_vi")), text(detail.get("name_en"))))


def _expect(
    layout: dict[str, Any],
    alert: Alert,
    limit: float | None,
    told: tuple[datetime, int],
    language: Language,
) -> None:
    """The usual range, where it was told: it changes with the hour. That of a limit is its line."""
    ends = (alert.expected_low, alert.expected_high)
    if limit is not None or ends == (None, None) or alert.rule in _OF_OTHER:
        return
    low, high = layout["yaxis"]["range"]
    near = [end for end in ends if end is not None and low - (high - low) <= end <= high + (high - low)]
    low, high = min([low, *near]), max([high, *near])
    layout["yaxis"]["range"] = [low, high]
    low, high = (low if ends[0] is None else ends[0], high if ends[1] is None else ends[1])
    first, last = layout["xaxis"]["range"]
    told_at, shift_ms = told
    around = max(_LEAST_SHARE * (last - first), _LEAST_MS)
    begin, end = (round(at.timestamp() * 1000) + shift_ms for at in (alert.opened_at, told_at))
    layout["shapes"].append(_band((begin - around, end + around), (low, high)))
    said = {
        "x": max(begin - around, first), "xanchor": "left", "y": high, "yanchor": "top", "showarrow": False,
        "text": language.t("Expected"), "font": {"size": px(10), "color": COLOURS["accent"]},
    }  # fmt: skip
    layout["annotations"].append(said)


def _observed(alert: Alert, told_at: datetime, shift_ms: int, language: Language) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [round(told_at.timestamp() * 1000) + shift_ms],
        "y": [real(alert.value)],
        "marker": {"color": STATE_COLOURS[str(alert.severity)], "size": px(9), "symbol": "circle-open"}
        | {"line": {"width": 2.2}},
        "hovertemplate": language.t("Told value") + " %{y:,.2f}<extra></extra>",
        "meta": {"role": "observed"},
    }


def _before(alert: Alert, language: Language) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Where a sensor stood that moved by itself."""
    value = real(alert.detail.get("before"))
    return None if value is None else level(value, language.t("Before"), COLOURS["soft"], x=0.4)


def _widen(layout: dict[str, Any], traces: list[dict[str, Any]]) -> None:
    """Bring the fan into view, in time and in value."""
    first, last = layout["xaxis"]["range"]
    layout["xaxis"]["range"] = [first, max(last, *traces[0]["x"])]
    values = [value for value in traces[0]["y"] if value is not None]
    low, high = layout["yaxis"]["range"]
    layout["yaxis"]["range"] = [min(low, *values), max(high, *values)]


def _band(between: tuple[float, float], values: tuple[float, float]) -> dict[str, Any]:
    return {
        "type": "rect", "x0": between[0], "x1": between[1], "y0": values[0], "y1": values[1],
        "fillcolor": COLOURS["accent"], "opacity": 0.2, "layer": "below",
        "line": {"width": 1, "color": COLOURS["accent"]},
    }  # fmt: skip


def _moment(
    at: datetime, name: str, shift_ms: int, colour: str, side: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A line through the chart, named at its foot on the ``side`` away from the other, which may be close."""
    x = round(at.timestamp() * 1000) + shift_ms
    shape = {
        "type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": x, "x1": x,
        "line": {"color": colour, "width": 1.4, "dash": "dot"},
    }  # fmt: skip
    said = {
        "yref": "paper", "y": 0, "yanchor": "bottom", "x": x, "xanchor": side, "showarrow": False,
        "text": name, "font": {"size": px(10), "color": colour},
    }  # fmt: skip
    return shape, said
