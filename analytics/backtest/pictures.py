"""Pictures of a sweep, for a notebook."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from analytics.backtest.results import Sweep


def picture(sweep: Sweep, metric: str = "f1") -> go.Figure:
    """A metric over a sweep: a curve over one parameter, bars by point over several, the best first.

    Runs without the metric are left out.

    Parameters
    ----------
    metric
        One of those `Run.metrics` has.
    """
    runs = [run for run in sweep.sorted_by(metric) if run.metrics().get(metric) is not None]
    values = [run.metrics()[metric] for run in runs]
    names = list(runs[0].point) if runs else []
    figure: Any = go.Figure()
    if len(names) == 1:
        pairs = sorted(
            ((run.point[names[0]], value) for run, value in zip(runs, values, strict=True)), key=repr
        )
        if all(isinstance(place, int | float) for place, _ in pairs):
            pairs.sort()
        places, heights = zip(*pairs, strict=True) if pairs else ((), ())
        figure.add_scatter(x=list(places), y=list(heights), mode="lines+markers", name=metric)
        figure.update_layout(xaxis_title=names[0], yaxis_title=metric)
    else:
        points = [", ".join(f"{path}={value}" for path, value in run.point.items()) for run in runs]
        figure.add_bar(x=values, y=points, orientation="h", name=metric)
        figure.update_layout(xaxis_title=metric, yaxis={"autorange": "reversed"})
    return figure
