"""Labels in the explorer: what an engineer marks a time with, and those there are, in a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard.components.attributes import aria, data
from dashboard.languages import Language
from dashboard.queries.labels import may_take_back
from dashboard.wording import LABEL_KINDS, LABEL_SOURCES, MEANINGS
from telemetry.labels import MOST_NOTE, Label, LabelSource
from telemetry.people import Identity


def label_kind(kind: str, language: Language) -> str:
    """A label's kind in words, where it is one that the platform knows."""
    return language.t(LABEL_KINDS[kind]) if kind in LABEL_KINDS else kind


def marking_place(language: Language) -> html.Section:
    """Where `assets/marking.js` puts the form; its words and choices go with it."""
    words: dict[str, Any] = {
        "hint": language.t("Drag over the chart to choose the time, or write it."),
        "stream": language.t("Stream"),
        "from": language.t("From"),
        "to": language.t("To"),
        "kind": language.t("What happened"),
        "meaning": language.t("Meaning"),
        "fault": language.t("A sensor's fault"),
        "note": language.t("Note"),
        "cancel": language.t("Cancel"),
        "keep": language.t("Keep the label"),
        "kept": language.t("The label is kept"),
        "sure": language.t("Press again to take it back"),
        "none": language.t("Choose a stream first"),
        "order": language.t("The end must be after the start"),
        "kinds": {kind: language.t(text) for kind, text in LABEL_KINDS.items()},
        "meanings": {str(meaning): language.t(text) for meaning, text in MEANINGS.items()},
        "longest": MOST_NOTE,
    }
    said = language.t("Mark a time")
    return html.Section(
        id="explorer-mark",
        className="panel marking",
        hidden=True,
        **aria(label=said),
        **data(words=json.dumps(words, ensure_ascii=False)),
    )


def label_table(labels: Sequence[Label], identity: Identity, language: Language) -> Component | None:
    """The labels and verdicts of the streams shown; one's own can be taken back."""
    if not labels:
        return None
    names = (
        language.t("Label"),
        language.t("From"),
        language.t("To"),
        language.t("Meaning"),
        language.t("Source"),
        language.t("Note"),
        "",
    )
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in names]))
    rows = [_row(label, identity, language) for label in labels]
    return html.Table([head, html.Tbody(rows)], id="explorer-labels", className="sheet")


def _row(label: Label, identity: Identity, language: Language) -> html.Tr:
    source = language.t(LABEL_SOURCES[label.source])
    origin = source if label.alert_id is None else html.A(source, href=f"/alerts/{label.alert_id}")
    what: list[Any] = [label_kind(label.kind, language)]
    if label.is_sensor_fault:
        what += [html.Br(), html.Small(language.t("A sensor's fault"))]
    author = [] if label.source is LabelSource.TRUTH else [html.Br(), html.Small(label.author)]
    return html.Tr(
        [
            html.Th(what, scope="row"),
            html.Td(language.day_time(label.start)),
            html.Td(language.day_time(label.end)),
            html.Td(language.t(MEANINGS[label.meaning])),
            html.Td([origin, *author]),
            html.Td(label.note),
            html.Td(_take_back(label, language) if may_take_back(label, identity) else None),
        ],
        **data(label=label.label_id),
    )


def _take_back(label: Label, language: Language) -> Component:
    return html.Button(
        language.t("Take back"), type="button", className="button", **data(take_back=label.label_id)
    )
