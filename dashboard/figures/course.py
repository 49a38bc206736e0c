"""The strange course of a stream: its last hours, and what its usual courses make of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from dashboard.details import real, reals
from dashboard.figures.frame import clock_ms, layout, line
from dashboard.languages import Language
from dashboard.theme import COLOURS, STATE_COLOURS
from dashboard.wording import unit_name
from telemetry.metrics import METRICS

_LONGEST_S = 7 * 86_400.0
_FILL = "30"
"""Opacity of what lies between the two, as the end of its colour."""


def course_chart(
    detail: Mapping[str, Any], metric_key: str, told_at: datetime, language: Language
) -> dict[str, Any] | None:
    """Both curves and what lies between, ending at ``told_at``; ``None`` where there is no such picture."""
    window, usual = (reals(detail.get(name), holes=True) for name in ("window", "reconstruction"))
    step_s = real(detail.get("window_step_s")) or 0.0
    n = len(window)
    if n < 2 or len(usual) != n or not 0 < step_s * n <= _LONGEST_S:
        return None
    micros = round(told_at.timestamp() * 1e6) - np.arange(n)[::-1] * round(step_s * 1e6)
    metric = METRICS.get(metric_key)
    decimals, unit = (metric.decimals, unit_name(language, metric.unit)) if metric else (2, "")
    x, hover = clock_ms(micros, language), {"hovertemplate": f"%{{y:,.{decimals}f}} {unit}"}
    expected = line(x, np.array(usual), language.t("Usual course"), COLOURS["accent"], dash="dash", **hover)
    colour = STATE_COLOURS["major"]
    between = {"fill": "tonexty", "fillcolor": colour + _FILL}
    measured = line(x, np.array(window), language.t("Measured"), colour, **between, **hover)
    return {"data": [expected, measured], "layout": layout(language, unit=unit, legend=True)}
