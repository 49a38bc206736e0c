"""The explorer's controls: streams, time, steps through it, comparison, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard.components.attributes import aria
from dashboard.components.drawer import range_label
from dashboard.languages import Language, mark
from dashboard.queries.explorer import MOST_STREAMS

RANGES_H = (1, 6, 24, 72, 168, 720, 2160, 8760)
STEPS = {
    "earlier": ("◀", mark("Earlier")),
    "later": ("▶", mark("Later")),
    "closer": ("+", mark("Zoom in")),
    "wider": ("\N{MINUS SIGN}", mark("Zoom out")),
}
"""Buttons that move the time shown: what a drag does, for the keyboard."""


def explorer_bar(
    language: Language, streams: Sequence[str], window: Mapping[str, int], *, compare: bool, may_mark: bool
) -> html.Div:
    """The controls, set to what the address says; ``may_mark`` lets a time be labelled."""
    ranges = [{"value": str(h), "label": range_label(h, language)} for h in RANGES_H]
    said = language.t("Streams, by device or measurement")
    pick = dmc.MultiSelect(
        id="explorer-streams",
        data=[],
        value=list(streams),
        searchable=True,
        clearable=True,
        maxValues=MOST_STREAMS,
        placeholder=language.t("Search streams"),
        nothingFoundMessage=language.t("Nothing matches"),
        className="page__grow",
        size="sm",
        **aria(label=said),
    )
    return html.Div(
        className="page__bar panel",
        children=[
            pick,
            dmc.SegmentedControl(
                id="explorer-range", size="xs", data=ranges, value=str(window.get("hours", ""))
            ),
            html.Div([_step(name, language) for name in STEPS], className="steps", role="group"),
            *(_moment(language, which) for which in ("from", "to")),
            dmc.Switch(id="explorer-compare", checked=compare, size="sm", label=language.t("Week before")),
            *([_mark(language)] if may_mark else []),
            html.A(
                "↓ CSV",
                id="explorer-csv",
                className="button",
                download="",
                title=language.t("Download CSV"),
                **aria(label=language.t("Download CSV")),
            ),
            html.Button(
                "↓ PNG",
                id="explorer-png",
                type="button",
                className="button",
                title=language.t("Download PNG"),
                **aria(label=language.t("Download PNG")),
            ),
        ],
    )


def _mark(language: Language) -> html.Button:
    return html.Button(
        language.t("Mark a time"),
        id="explorer-marking",
        type="button",
        className="button",
        **aria(controls="explorer-mark"),
    )


def _step(name: str, language: Language) -> html.Button:
    sign, said = STEPS[name]
    return html.Button(
        sign,
        id=f"explorer-{name}",
        type="button",
        className="button",
        title=language.t(said),
        **aria(label=language.t(said)),
    )


def _moment(language: Language, which: str) -> Any:
    said = language.t("From") if which == "from" else language.t("To")
    return dmc.DateTimePicker(
        id=f"explorer-{which}",
        valueFormat="DD/MM/YYYY HH:mm",
        size="sm",
        w=146,
        placeholder=said,
        **aria(label=said),
    )
