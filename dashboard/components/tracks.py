"""The explorer's table: each stream in numbers, which is also what its chart says in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from dash import html
from dash.development.base_component import Component
from numpy.typing import NDArray

from dashboard.components.attributes import data
from dashboard.components.drawer import metric_name
from dashboard.figures.captions import moment
from dashboard.languages import Language
from dashboard.queries.explorer import Track
from dashboard.theme import SERIES_COLOURS
from dashboard.wording import unit_name
from telemetry.metrics import METRICS


def track_table(tracks: Sequence[Track], language: Language) -> Component:
    """A row a stream: lowest, highest and newest value with their times, and how it is drawn."""
    names = (
        language.t("Stream"),
        language.t("Lowest"),
        language.t("Highest"),
        language.t("Newest"),
        language.t("Alerts"),
        language.t("Drawn from"),
    )
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in names]))
    rows = [_row(place, track, language) for place, track in enumerate(tracks)]
    return html.Table([head, html.Tbody(rows)], className="sheet")


def drawn_from(track: Track, language: Language) -> str:
    """Single readings, the shape of them, or means over a stretch."""
    if track.step is not None:
        return language.t(
            "means of {length}, band from lowest to highest", length=length(track.step, language)
        )
    if track.series.downsampled:
        return language.t("{count} readings, thinned", count=language.number(track.series.readings))
    return language.t("{count} readings, all of them", count=language.number(track.series.readings))


def length(step: timedelta, language: Language) -> str:
    """A length of time in the largest unit that divides it."""
    minutes = round(step / timedelta(minutes=1))
    if minutes % 1440 == 0:
        return language.t("{count} d", count=minutes // 1440)
    if minutes % 60 == 0:
        return language.t("{hours} h", hours=minutes // 60)
    return language.t("{count} min", count=minutes)


def _row(place: int, track: Track, language: Language) -> html.Tr:
    metric = METRICS.get(track.series.stream.metric)
    device = language.pick(track.device.name_vi, track.device.name_en)
    colour = SERIES_COLOURS[place % len(SERIES_COLOURS)]
    low, high = _least(track), _greatest(track)
    known = np.flatnonzero(np.isfinite(track.series.values))
    newest = (track.series.times[known], track.series.values[known])
    decimals, unit = (metric.decimals, unit_name(language, metric.unit)) if metric else (2, "")

    def cell(times: NDArray[np.int64], values: NDArray[np.float64], at: int) -> html.Td:
        if len(values) == 0:
            return html.Td("–")
        value = language.quantity(float(values[at]), decimals, unit)
        return html.Td([value, html.Br(), html.Small(moment(int(times[at]) * 1000, language))])

    return html.Tr(
        [
            html.Th(
                [
                    html.Span(className="key", style={"background": colour}),
                    html.A(device, href=f"/devices/{track.device.device_id}"),
                    f" · {metric_name(track.series.stream.metric, language)}",
                ],
                scope="row",
            ),
            cell(*low, int(low[1].argmin()) if len(low[1]) else 0),
            cell(*high, int(high[1].argmax()) if len(high[1]) else 0),
            cell(*newest, -1),
            html.Td(language.number(len(track.alerts))),
            html.Td(drawn_from(track, language)),
        ],
        **data(track=track.series.stream.stream_id),
    )


def _least(track: Track) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return (track.band.times, track.band.low) if track.band else _known(track)


def _greatest(track: Track) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return (track.band.times, track.band.high) if track.band else _known(track)


def _known(track: Track) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    there = np.isfinite(track.series.values)
    return track.series.times[there], track.series.values[there]
