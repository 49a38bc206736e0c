"""Labels in the explorer's figure: a shaded time with a bar at its foot, which says what it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dashboard.components.marking import label_kind
from dashboard.figures.stream_chart import plain
from dashboard.languages import Language
from dashboard.theme import COLOURS, px
from dashboard.wording import LABEL_SOURCES, MEANINGS
from telemetry.labels import Label, Meaning

_STEPS = 160
"""A bar has a point to be read at for each such part of the time shown."""
_FOOT = 0.012


def label_shapes(
    labels: Sequence[Label], axis: str, between: tuple[datetime, datetime], shift_ms: int
) -> list[dict[str, Any]]:
    """The shaded times, on the axis ``y…`` of the chart they belong to."""
    return [
        {
            "type": "rect",
            "name": f"label {label.label_id or ''}".strip(),
            "yref": f"{axis} domain",
            "y0": 0,
            "y1": 1,
            "x0": _ms(max(label.start, between[0])) + shift_ms,
            "x1": _ms(min(label.end, between[1])) + shift_ms,
            "fillcolor": _colour(label),
            "opacity": 0.14,
            "line": {"width": 0},
            "layer": "below",
        }
        for label in labels
    ]


def label_bars(
    labels: Sequence[Label], axis: str, between: tuple[datetime, datetime], shift_ms: int, language: Language
) -> list[dict[str, Any]]:
    """The bars with their tooltips, on an axis of their own whose height is 1 (see `foot_axis`)."""
    start, end = _ms(between[0]), _ms(between[1])
    step = max(1, (end - start) // _STEPS)
    made: list[dict[str, Any]] = []
    for label in reversed(labels):  # the newest lie on top
        first, last = max(_ms(label.start), start), min(_ms(label.end), end)
        times = [*range(first, last, step), last]
        made.append(
            {
                "type": "scatter",
                "mode": "lines",
                "yaxis": axis,
                "showlegend": False,
                "x": [time + shift_ms for time in times],
                "y": [_FOOT] * len(times),
                "line": {"color": _colour(label), "width": px(6)},
                "text": [_said(label, language)] * len(times),
                "hovertemplate": "%{text}<extra></extra>",
                "meta": {"label": label.label_id},
            }
        )
    return made


def foot_axis(over: str) -> dict[str, Any]:
    """An unseen axis over another, from 0 at the foot of the chart to 1."""
    return {"overlaying": over, "range": [0, 1], "visible": False, "fixedrange": True}


def _said(label: Label, language: Language) -> str:
    parts = [label_kind(label.kind, language)]
    if label.meaning is not Meaning.HAPPENED:
        parts.append(language.t(MEANINGS[label.meaning]))
    parts.append(f"{language.day_time(label.start)} – {language.day_time(label.end)}")
    parts.append(language.t(LABEL_SOURCES[label.source]))
    if label.note:
        parts.append(label.note[:80])
    return plain(" · ".join(parts))


def _colour(label: Label) -> str:
    if label.meaning is not Meaning.HAPPENED:
        return COLOURS["muted"]
    return COLOURS["map-metro"] if label.is_sensor_fault else COLOURS["focus"]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
