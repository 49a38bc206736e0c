"""The editor of the detectors' page, and what may be written into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from dash import html

from dashboard.components.attributes import data
from dashboard.components.sheet import sheet
from dashboard.languages import Language
from telemetry.detection import KINDS


def editor(language: Language) -> html.Section:
    """The editor, hidden until it is asked for; the page's script makes its fields and fills them."""
    return html.Section(
        [
            html.H3(language.t("New version"), className="panel__title"),
            html.Div(id="detectors-pad"),
            html.P(id="detectors-wrong", className="mend__wrong", role="alert"),
            html.Div(id="detectors-found", className="detectors__found", role="status"),
            _kinds(language),
            html.Div(
                [
                    html.Div(id="detectors-why", className="detectors__why"),
                    html.Button(
                        language.t("Cancel"), type="button", className="button", **data(act="cancel")
                    ),
                    html.Button(
                        language.t("Apply"),
                        id="detectors-apply",
                        type="button",
                        className="button button--main",
                        disabled=True,
                        **data(act="apply"),
                    ),
                ],
                className="detectors__foot",
            ),
        ],
        id="detectors-editor",
        className="panel section",
        hidden=True,
    )


def _kinds(language: Language) -> html.Details:
    """What may be written: every kind, its parameters, defaults and bounds."""
    names = (language.t("Kind"), language.t("Parameters"), language.t("Default"), language.t("Bounds"))
    rows = [row for kind, params in KINDS.items() for row in _kind(kind, params, language)]
    return html.Details(
        [html.Summary(language.t("Kinds of detector and their parameters")), sheet(names, rows)],
        className="detectors__kinds",
    )


def _kind(kind: str, params: type[msgspec.Struct], language: Language) -> list[html.Tr]:
    _, components = msgspec.json.schema_components([params])
    fields: Mapping[str, Any] = components[params.__name__].get("properties", {})
    cells = [
        (name, as_json(facts["default"]) if "default" in facts else "–", _bounds(facts))
        for name, facts in fields.items()
    ]
    return [
        html.Tr([html.Th(kind if place == 0 else "", scope="row"), *(html.Td(cell) for cell in row)])
        for place, row in enumerate(cells or [(language.t("none"), "", "")])
    ]


def _bounds(facts: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    said = [f"{sign} {as_json(facts[key])}" for key, sign in signs.items() if key in facts]
    if "enum" in facts:
        said.append(" | ".join(map(str, facts["enum"])))
    return ", ".join(said)


def as_json(value: Any) -> str:
    """A value as JSON writes it."""
    return msgspec.json.encode(value).decode()
