"""The explorer's figure: one chart for each unit, stacked over one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from dashboard.figures.faults import fault_bands
from dashboard.figures.label_marks import foot_axis, label_bars, label_shapes
from dashboard.figures.stream_chart import plain
from dashboard.languages import Language
from dashboard.queries.explorer import Band, Track
from dashboard.queries.series import Series
from dashboard.theme import COLOURS, FONT, SERIES_COLOURS, STATE_COLOURS, px
from dashboard.wording import unit_name
from telemetry.metrics import METRICS
from telemetry.quality import RULES

_GAP = 0.05
_TICKS = [
    {"dtickrange": [None, 60_000], "value": "%H:%M:%S\n%d/%m"},
    {"dtickrange": [60_000, 86_400_000], "value": "%H:%M\n%d/%m"},
    {"dtickrange": [86_400_000, "M1"], "value": "%d/%m"},
    {"dtickrange": ["M1", None], "value": "%m/%Y"},
]


def explorer_chart(
    tracks: Sequence[Track],
    between: tuple[datetime, datetime],
    sentences: Mapping[int, str],
    language: Language,
) -> dict[str, Any]:
    """The figure; ``sentences`` say an alert, by its id. Times are the city's clock, moved by ``meta``."""
    units = list(dict.fromkeys(_unit(track, language) for track in tracks))
    shift_ms = _shift_ms(between[0], language)
    figure: dict[str, Any] = {"data": [], "layout": _layout(units, between, shift_ms, language)}
    for place, track in enumerate(tracks):
        axis = f"y{units.index(_unit(track, language)) + 1}".replace("y1", "y")
        colour = SERIES_COLOURS[place % len(SERIES_COLOURS)]
        figure["data"] += _traces(track, colour, axis, shift_ms, language)
        figure["data"] += _alerts(track, axis, shift_ms, sentences)
        figure["layout"]["shapes"] += _anomalies(track, axis, between, shift_ms)
        figure["layout"]["shapes"] += label_shapes(track.labels, axis, between, shift_ms)
        foot = f"y{len(units) + units.index(_unit(track, language)) + 1}"
        figure["data"] += label_bars(track.labels, foot, between, shift_ms, language)
        above = sum(_unit(one, language) == _unit(track, language) for one in tracks[:place])
        bands, names = fault_bands(
            track.series.faults, between, shift_ms, f"{axis} domain", language, (above, colour)
        )
        figure["layout"]["shapes"] += bands
        figure["layout"]["annotations"] += names
    figure["layout"] |= {
        f"yaxis{len(units) + place + 1}": foot_axis(f"y{place + 1}".replace("y1", "y"))
        for place in range(len(units))
    }
    figure["layout"]["meta"]["streams"] = [_facts(track, language) for track in tracks]
    return figure


def _facts(track: Track, language: Language) -> dict[str, Any]:
    """What the page's scripts need to know of a stream."""
    stream = track.series.stream
    name = track_name(track, language)
    return {"id": stream.stream_id, "device": stream.device_id, "metric": stream.metric, "name": name}


def track_name(track: Track, language: Language) -> str:
    """Device and metric, as a legend says it."""
    metric = METRICS.get(track.series.stream.metric)
    what = language.pick(metric.name_vi, metric.name_en) if metric else track.series.stream.metric
    return plain(f"{language.pick(track.device.name_vi, track.device.name_en)[:60]} · {what}")


def _unit(track: Track, language: Language) -> str:
    metric = METRICS.get(track.series.stream.metric)
    return unit_name(language, metric.unit) if metric else ""


def _traces(track: Track, colour: str, axis: str, shift_ms: int, language: Language) -> list[dict[str, Any]]:
    name = track_name(track, language)
    shared = {"yaxis": axis, "legendgroup": str(track.series.stream.stream_id)}
    made = _band(track.band, colour, shift_ms, shared) if track.band else []
    if track.before is not None:
        line = {"color": colour, "width": 1.2, "dash": "dot"}
        before = language.t("a week before")
        said = f"{name} · {before}"
        made.append(_line(track.before, shift_ms, said, line, language) | shared | {"opacity": 0.75})
    line = {"color": colour, "width": 1.8}
    return [*made, _line(track.series, shift_ms, name, line, language) | shared]


def _line(
    series: Series, shift_ms: int, name: str, line: dict[str, Any], language: Language
) -> dict[str, Any]:
    metric = METRICS.get(series.stream.metric)
    decimals, unit = (metric.decimals, unit_name(language, metric.unit)) if metric else (2, "")
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": (series.times + shift_ms).tolist(),
        "y": [None if np.isnan(v) else v for v in series.values.tolist()],
        "line": line,
        "connectgaps": False,
        "hovertemplate": f"%{{y:,.{decimals}f}} {unit}".rstrip(),
    }


def _band(band: Band, colour: str, shift_ms: int, shared: dict[str, Any]) -> list[dict[str, Any]]:
    edge = {
        "type": "scatter",
        "mode": "lines",
        "x": (band.times + shift_ms).tolist(),
        "line": {"width": 0, "color": colour},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    filled = {"fill": "tonexty", "fillcolor": f"{colour}2e"}
    return [edge | shared | {"y": band.low.tolist()}, edge | shared | filled | {"y": band.high.tolist()}]


def _alerts(track: Track, axis: str, shift_ms: int, sentences: Mapping[int, str]) -> list[dict[str, Any]]:
    shown = [
        alert for alert in track.alerts if alert.value is not None and alert.opened_at >= track.series.start
    ]
    if not shown:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "yaxis": axis,
            "showlegend": False,
            "cliponaxis": False,  # one that has just opened is at the edge
            "x": [_ms(alert.opened_at) + shift_ms for alert in shown],
            "y": [alert.value for alert in shown],
            "text": [plain(sentences.get(alert.alert_id, alert.rule)[:160]) for alert in shown],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {
                "symbol": "diamond",
                "size": px(11),
                "color": [STATE_COLOURS[str(alert.severity)] for alert in shown],
                "line": {"width": 1.5, "color": COLOURS["ground"]},
            },
        }
    ]


def _anomalies(
    track: Track, axis: str, between: tuple[datetime, datetime], shift_ms: int
) -> list[dict[str, Any]]:
    start, end = between
    return [
        {
            "type": "rect",
            "yref": f"{axis} domain",
            "y0": 0,
            "y1": 1,
            "x0": _ms(max(item.started_at, start)) + shift_ms,
            "x1": _ms(min(item.ended_at or end, end)) + shift_ms,
            "fillcolor": STATE_COLOURS[str(item.severity)],
            "opacity": 0.12,
            "line": {"width": 0},
            "layer": "below",
        }
        for item in track.anomalies
        if item.rule not in RULES
    ]


def _layout(
    units: Sequence[str], between: tuple[datetime, datetime], shift_ms: int, language: Language
) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "gridcolor": COLOURS["line"],
        "linecolor": COLOURS["line"],
        "zeroline": False,
        "tickfont": {"color": COLOURS["muted"], "size": px(11)},
        "automargin": True,
    }
    bounds = [_ms(moment) + shift_ms for moment in between]
    layout: dict[str, Any] = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "color": COLOURS["soft"], "size": px(12)},
        "margin": {"l": 12, "r": 16, "t": 12, "b": 12},
        "separators": ",." if language.code == "vi" else ".,",
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "hoverlabel": {"bgcolor": COLOURS["raised"], "bordercolor": COLOURS["line-strong"]},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "modebar": {"color": COLOURS["muted"], "activecolor": COLOURS["accent"], "bgcolor": "rgba(0,0,0,0)"},
        "dragmode": "zoom",
        "shapes": [],
        "annotations": [],
        "meta": {"shift_ms": shift_ms},
        "xaxis": axis
        | {"type": "date", "range": bounds, "hoverformat": "%H:%M:%S %d/%m", "tickformatstops": _TICKS}
        | {"anchor": f"y{len(units)}".replace("y1", "y") if units else "y"},
    }
    height = 1 / max(1, len(units))
    for place, unit in enumerate(units):
        top = 1 - place * height
        bottom = top - height + (_GAP if place < len(units) - 1 else 0)
        title = {"text": plain(unit), "font": {"size": px(11), "color": COLOURS["muted"]}}
        name = "yaxis" if place == 0 else f"yaxis{place + 1}"
        layout[name] = axis | {"domain": [max(0.0, bottom), top], "title": title, "fixedrange": True}
    return layout


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _shift_ms(moment: datetime, language: Language) -> int:
    offset = moment.astimezone(language.zone).utcoffset()
    return round(offset.total_seconds() * 1000) if offset else 0
