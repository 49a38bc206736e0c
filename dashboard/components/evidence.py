"""What a detector saw, beside the signal itself: the odd course, the members of a group, the neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.details import real, rows, text
from dashboard.figures.alert_chart import alert_chart
from dashboard.figures.beside import deviations_chart, members_chart, neighbours_chart
from dashboard.figures.course import course_chart
from dashboard.languages import Language
from dashboard.queries.alerts import AlertView
from dashboard.reasons import ONSET_TERMS, reason
from dashboard.wording import amount
from telemetry.devices import Device
from telemetry.metrics import METRICS

_MOST = 8
_PART = "part_"
"""How the detail of an air alert names the index of each pollutant."""


@dataclass(frozen=True, slots=True)
class _Bar:
    """One line of a ranking; ``share`` of the width is filled."""

    name: str
    share: float
    value: str
    note: str = ""
    href: str | None = None


def signal(view: AlertView, language: Language) -> list[Component]:
    """Why the alert was opened, in a sentence, and the signal around it."""
    graph = dcc.Graph(
        id="alert-chart",
        figure=alert_chart(view.chart, view.alert, view.told_at, language),
        config={"displayModeBar": False, "responsive": True},
    )
    why = reason(view.alert, language)
    return [html.P(why, id="alert-why", className="alert-page__why"), graph] if why else [graph]


def evidence(view: AlertView, language: Language) -> list[Component]:
    """The pictures of the alert's finding; none where the signal says it all, or its detail lacks them."""
    draw = _DRAWN.get(view.alert.rule)
    drawn = draw(view, language) if draw else []
    return [html.H3(language.t("What the detector saw"), className="panel__title"), *drawn] if drawn else []


def _course(view: AlertView, language: Language) -> list[Component]:
    alert = view.alert
    figure = course_chart(alert.detail, alert.metric, view.told_at, language)
    note = language.t("Coloured: what the sensor's usual courses cannot explain.")
    return _graph("course", figure, note)


def _group(view: AlertView, language: Language) -> list[Component]:
    members = rows(view.alert.detail.get("contributions"), _MOST)
    devices = {one.device.device_id: one.device for one in view.companions}
    alone = len({text(member.get("device_id")) for member in members}) == 1
    bars = [bar for member in members if (bar := _member(member, devices, language, alone=alone))]
    if not bars:
        return []
    by_stream = {(one.device.device_id, one.series.stream.metric): one for one in view.companions}
    there = [(by_stream[key], member) for member in members if (key := _key(member)) in by_stream]
    figure = members_chart([one for one, _ in there], [member for _, member in there], language)
    note = language.t("The band is what was expected of each when it was told.")
    ranking = _ranking(language.t("Which sensor gives how much"), bars)
    return [ranking, *_graph("members", figure, note)]


def _member(
    member: Mapping[str, Any], devices: Mapping[str, Device], language: Language, *, alone: bool
) -> _Bar | None:
    """A member's line, under its device's name, or its measurement's where the device is ``alone``."""
    device_id, share = text(member.get("device_id")), real(member.get("share"))
    if not device_id or share is None:
        return None
    device, metric = devices.get(device_id), METRICS.get(text(member.get("metric")))
    measured = language.pick(metric.name_vi, metric.name_en) if metric else text(member.get("metric"))
    low, high = (
        amount(language, real(member.get(name)), metric) for name in ("expected_low", "expected_high")
    )
    value = amount(language, real(member.get("value")), metric)
    name = language.pick(device.name_vi, device.name_en) if device else device_id
    return _Bar(
        name=measured if alone else name,
        share=share,
        value=language.quantity(100 * share, 0, "%"),
        note=language.t(
            "{metric} {value}, expected {low} to {high}", metric=measured, value=value, low=low, high=high
        ),
        href=_address(device_id) if device else None,
    )


def _neighbours(view: AlertView, language: Language) -> list[Component]:
    own = view.chart.series
    if view.deviations is not None:
        figure = deviations_chart(view.deviations, own.stream.metric, language)
        note = language.t(
            "What each sensor lies off its own usual value at the hour, which is zero (the median of like "
            "days of the week before). Faint lines are the neighbours by themselves. The detector compares "
            "these deviations, each in its sensor's usual spreads."
        )
    else:
        figure = neighbours_chart(own, view.companions, language)
        note = language.t(
            "Values as they were measured; the detector compares what each lies off its own usual value. "
            "Faint lines are the neighbours by themselves."
        )
    drawn = _graph("neighbours", figure, note)
    links = [
        dcc.Link(language.pick(one.device.name_vi, one.device.name_en), href=_address(one.device.device_id))
        for one in view.companions
    ]
    return [*drawn, html.P(links, className="evidence__links")] if drawn else []


def _onset(view: AlertView, language: Language) -> list[Component]:
    strengths = {term: real(view.alert.detail.get(term)) or 0.0 for term in ONSET_TERMS}
    most = max(strengths.values())
    if most <= 0.0:
        return []
    bars = [
        _Bar(language.t(ONSET_TERMS[term]), strength / most, language.number(strength, 1))
        for term, strength in strengths.items()
    ]
    return [_ranking(language.t("How strongly each look at the reading finds it new"), bars)]


def _air(view: AlertView, language: Language) -> list[Component]:
    parts = {
        key.removeprefix(_PART): value
        for key, found in view.alert.detail.items()
        if key.startswith(_PART) and (value := real(found)) is not None and value >= 0
    }
    most = max(parts.values(), default=0.0) or 1.0
    ranked = sorted(parts.items(), key=lambda part: -part[1])[:_MOST]
    bars = [_Bar(_pollutant(key, language), value / most, language.number(value)) for key, value in ranked]
    return [_ranking(language.t("The index of each pollutant; the highest counts"), bars)] if bars else []


def _pollutant(key: str, language: Language) -> str:
    metric = METRICS.get(key)
    return language.pick(metric.name_vi, metric.name_en) if metric else text(key)


def _address(device_id: str) -> str:
    return "/devices/" + quote(device_id, safe="")


def _key(member: Mapping[str, Any]) -> tuple[str, str]:
    return text(member.get("device_id")), text(member.get("metric"))


def _ranking(title: str, bars: Sequence[_Bar]) -> html.Section:
    most = max(bar.share for bar in bars)
    return html.Section(
        [
            html.H4(title, className="evidence__name"),
            html.Ol([_bar(bar, most=bar.share == most) for bar in bars], className="ranking"),
        ]
    )


def _bar(bar: _Bar, *, most: bool) -> html.Li:
    width = f"{100 * min(1.0, max(0.0, bar.share)):.1f}%"
    name = dcc.Link(bar.name, href=bar.href) if bar.href else html.Span(bar.name)
    return html.Li(
        [
            html.Div([name, html.Small(bar.note)], className="ranking__name"),
            html.Div(html.Span(style={"width": width}), className="ranking__bar"),
            html.Strong(bar.value),
        ],
        className="ranking__most" if most else "",
    )


def _graph(name: str, figure: dict[str, Any] | None, note: str) -> list[Component]:
    if figure is None:
        return []
    graph = dcc.Graph(
        id=f"alert-{name}",
        figure=figure,
        style={"height": "100%"},
        config={"displayModeBar": False, "responsive": True},
    )
    place = html.Div(graph, className=f"evidence__graph evidence__graph--{name}")
    return [place, html.P(note, className="page__note")]


_DRAWN = {
    "drift": _neighbours,
    "groups": _group,
    "onset": _onset,
    "subspace": _course,
    "vn_aqi": _air,
}
"""By the rule; the others' pictures are in the chart of the signal (`dashboard.figures.alert_chart`)."""
