"""Times in which a sensor was not to be believed, as named bands behind its line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dashboard.faults import NAMES
from dashboard.languages import Language
from dashboard.theme import COLOURS, STATE_COLOURS, px
from telemetry.quality import QualityInterval

_LINES = 3
"""Names of bands that follow each other stand on so many lines: short bands lie close."""
_LATE = 0.6
"""A band that begins after so much of the view has its name at its end: there is room to the left."""


def fault_bands(
    faults: Sequence[QualityInterval],
    between: tuple[datetime, datetime],
    shift_ms: int,
    yref: str,
    language: Language,
    of: tuple[int, str] = (0, ""),
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Shapes and annotations; ``yref`` is the height they fill (``paper``, ``y2 domain``).

    ``of`` is the place and colour of the line they are about, where there are several.
    """
    first, colour = of
    start, end = between
    shapes: list[dict[str, Any]] = []
    names: list[dict[str, Any]] = []
    for place, fault in enumerate(faults):
        x0 = _ms(max(fault.started_at, start)) + shift_ms
        x1 = _ms(min(fault.ended_at or end, end)) + shift_ms
        shapes.append(_band(x0, x1, yref, colour))
        name = _name(language.t(NAMES[fault.kind]), (first + place) % _LINES, yref, colour)
        late = x0 - shift_ms > _ms(start + _LATE * (end - start))
        names.append(name | ({"x": x1, "xanchor": "right"} if late else {"x": x0, "xanchor": "left"}))
    return shapes, names


def _band(x0: int, x1: int, yref: str, colour: str) -> dict[str, Any]:
    colour = colour or STATE_COLOURS["silent"]
    return {
        "type": "rect",
        "yref": yref,
        "y0": 0,
        "y1": 1,
        "x0": x0,
        "x1": x1,
        "fillcolor": colour,
        "opacity": 0.16,
        "line": {"width": 1, "color": colour, "dash": "dot"},
        "layer": "below",
    }


def _name(text: str, line: int, yref: str, colour: str) -> dict[str, Any]:
    return {
        "xref": "x",
        "yref": yref,
        "y": 1,
        "yanchor": "top",
        "yshift": -line * px(15),
        "showarrow": False,
        "text": text,
        "font": {"size": px(10.5), "color": colour or STATE_COLOURS["silent"]},
        "bgcolor": COLOURS["panel"],  # what is wrong is often a line that leaps through the name
        "opacity": 0.9,
    }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
