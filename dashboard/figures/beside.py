"""A sensor beside others: against its neighbours' median, or each member of a group by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.details import real
from dashboard.figures.frame import clock_ms, layout, line
from dashboard.figures.stream_chart import plain
from dashboard.languages import Language
from dashboard.queries.companions import Companion
from dashboard.queries.deviations import Deviations
from dashboard.queries.series import Series
from dashboard.queries.usual import median
from dashboard.theme import COLOURS, STATE_COLOURS, px
from dashboard.wording import unit_name
from telemetry.metrics import METRICS

_BINS = 96
_ROWS = 4
"""Most members drawn by themselves."""
_BETWEEN = 0.08
"""Of the height, between two rows."""


def neighbours_chart(
    own: Series, companions: Sequence[Companion], language: Language
) -> dict[str, Any] | None:
    """The sensor, its neighbours faintly, and their median; ``None`` without neighbours."""
    if not companions:
        return None
    edges = np.linspace(own.start.timestamp() * 1e3, own.end.timestamp() * 1e3, _BINS + 1)
    x = clock_ms(((edges[:-1] + edges[1:]) * 500).astype(np.int64), language)
    near = np.stack([_binned(companion.series, edges) for companion in companions])
    return _against(x, _binned(own, edges), near, own.stream.metric, language)


def deviations_chart(found: Deviations, metric_key: str, language: Language) -> dict[str, Any]:
    """The same of what each lies off its own usual value: zero is as usual."""
    figure = _against(clock_ms(found.times, language), found.own, found.near, metric_key, language, "+")
    figure["layout"]["yaxis"] |= {"zeroline": True, "zerolinecolor": COLOURS["soft"], "zerolinewidth": 1}
    return figure


def _against(
    x: list[int],
    own: NDArray[np.float64],
    near: NDArray[np.float64],
    metric_key: str,
    language: Language,
    sign: str = "",
) -> dict[str, Any]:
    metric = METRICS.get(metric_key)
    decimals, unit = (metric.decimals, unit_name(language, metric.unit)) if metric else (2, "")
    hover = f"%{{y:{sign},.{decimals}f}} {unit}"
    faint: dict[str, Any] = {"hoverinfo": "skip", "showlegend": False, "width": 1, "opacity": 0.45}
    lines = [line(x, row, "", COLOURS["muted"], connectgaps=True, **faint) for row in near]
    middle = language.t("Median of {count} neighbours", count=len(near))
    lines.append(line(x, median(near), middle, COLOURS["accent"], hovertemplate=hover))
    name = language.t("This sensor")
    lines.append(line(x, own, name, STATE_COLOURS["minor"], width=2.4, hovertemplate=hover))
    return {"data": lines, "layout": layout(language, unit=unit, legend=True)}


def members_chart(
    companions: Sequence[Companion], bands: Sequence[Mapping[str, Any]], language: Language
) -> dict[str, Any] | None:
    """A row for each of the first members, with the range that was expected of it at the time.

    ``bands`` hold ``expected_low`` and ``expected_high`` in the order of ``companions``.
    """
    shown = list(zip(companions, bands, strict=False))[:_ROWS]
    if not shown:
        return None
    frame = layout(language)
    axis = frame.pop("yaxis")
    height = (1 + _BETWEEN) / len(shown) - _BETWEEN
    figure: dict[str, Any] = {"data": [], "layout": frame}
    frame |= {"shapes": [], "annotations": [], "margin": frame["margin"] | {"t": 20}}
    frame["xaxis"]["anchor"] = f"y{len(shown)}"
    for place, (companion, band) in enumerate(shown, start=1):
        top = 1 - (place - 1) * (height + _BETWEEN)
        frame[f"yaxis{place}"] = axis | {"domain": [max(0.0, top - height), top], "nticks": 4}
        _member(figure, place, companion, band, language)
    return figure


def _member(
    figure: dict[str, Any], place: int, companion: Companion, band: Mapping[str, Any], language: Language
) -> None:
    series, device = companion.series, companion.device
    metric = METRICS.get(series.stream.metric)
    colour = STATE_COLOURS["major"] if place == 1 else COLOURS["soft"]
    name = plain(language.pick(device.name_vi, device.name_en))
    measured = plain(language.pick(metric.name_vi, metric.name_en)) if metric else ""
    decimals, unit = (metric.decimals, unit_name(language, metric.unit)) if metric else (2, "")
    x = clock_ms(series.times * 1000, language)
    hover = f"{name} %{{y:,.{decimals}f}} {unit}<extra></extra>"
    figure["data"].append(
        line(x, series.values, name, colour, width=1.5, yaxis=f"y{place}", hovertemplate=hover)
    )
    said = {
        "xref": "paper", "x": 0, "xanchor": "left", "yref": f"y{place} domain", "y": 1,
        "yanchor": "bottom", "showarrow": False, "font": {"size": px(10.5), "color": colour},
        "text": f"{name} · {measured} ({unit})" if unit else f"{name} · {measured}",
    }  # fmt: skip
    figure["layout"]["annotations"].append(said)
    low, high = real(band.get("expected_low")), real(band.get("expected_high"))
    if low is None or high is None:
        return
    expected = {
        "type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": f"y{place}", "y0": low, "y1": high,
        "fillcolor": COLOURS["accent"], "opacity": 0.1, "line": {"width": 0}, "layer": "below",
    }  # fmt: skip
    figure["layout"]["shapes"].append(expected)


def _binned(series: Series, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of the readings between the edges, shape ``(len(edges) - 1,)``; NaN where there is none."""
    known = np.isfinite(series.values)
    times, values = series.times[known].astype(np.float64), series.values[known]
    count, _ = np.histogram(times, edges)
    total, _ = np.histogram(times, edges, weights=values)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
