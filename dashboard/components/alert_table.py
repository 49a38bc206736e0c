"""The table of alerts: its columns, its filters, and the bar for many at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_ag_grid
from dash import dcc, html

from dashboard.components.attributes import aria, data
from dashboard.languages import Language, mark
from dashboard.theme import FONT
from dashboard.wording import DOMAINS, STATES, STATUSES
from telemetry.alerts import Severity

VERBS = {
    "acknowledge": mark("Acknowledge"),
    "start": mark("Start work"),
    "resolve": mark("Resolve"),
    "close": mark("Close alert"),
    "reopen": mark("Reopen"),
}
"""What people do, in the order of an alert's life."""

_BLOCK = 100
_THEME = (
    "themeQuartz.withParams({backgroundColor: 'var(--panel)', foregroundColor: 'var(--text)', "
    "headerBackgroundColor: 'var(--panel-2)', headerTextColor: 'var(--soft)', borderColor: 'var(--line)', "
    "rowHoverColor: 'var(--raised)', selectedRowBackgroundColor: 'var(--raised)', "
    "accentColor: 'var(--accent)', oddRowBackgroundColor: 'var(--panel)', fontSize: 13, "
    f'fontFamily: "{FONT}"' + "})"
)


def filters(asked: Mapping[str, str], language: Language) -> html.Div:
    """Plain controls; the scripts read them and the address keeps them."""
    severities = {str(severity): STATES[str(severity)] for severity in reversed(Severity)}
    return html.Div(
        [
            _select("status", language.t("Any status"), STATUSES, asked, language),
            _select("severity", language.t("Any severity"), severities, asked, language),
            _select("domain", language.t("Any domain"), DOMAINS, asked, language),
            dcc.Input(
                id="alerts-q",
                type="text",
                value=asked.get("q", "")[:64],
                maxLength=64,
                placeholder=language.t("Search a device"),
                className="alerts__search",
            ),
        ],
        className="page__bar",
    )


def bulk_bar(language: Language) -> html.Div:
    """Actions on the rows that are ticked; shown while some are."""
    buttons = [
        html.Button(language.t(name), type="button", className="button", **data(bulk=verb))
        for verb, name in VERBS.items()
    ]
    return html.Div(
        [html.Span("", id="alerts-chosen", className="page__note"), *buttons],
        id="alerts-bulk",
        className="page__bar alerts__bulk",
        hidden=True,
    )


def alert_table(language: Language, *, may_act: bool) -> dash_ag_grid.AgGrid:
    """The grid, by blocks of a hundred rows as the reader scrolls."""
    options: dict[str, Any] = {
        "theme": {"function": _THEME},
        "cacheBlockSize": _BLOCK,
        "maxBlocksInCache": 20,
        "rowHeight": 42,
        "headerHeight": 40,
        "enableCellTextSelection": True,
    }
    if may_act:
        options["rowSelection"] = {"mode": "multiRow", "headerCheckbox": False}
    return dash_ag_grid.AgGrid(
        id="alerts-grid",
        rowModelType="infinite",
        columnDefs=_columns(language),
        defaultColDef={"resizable": True, "sortable": False, "filter": False},
        getRowId="params.data.row_id",
        dashGridOptions=options,
        style={"height": "100%", "width": "100%"},
        dangerously_allow_code=False,
    )


def _columns(language: Language) -> list[dict[str, Any]]:
    t = language.t
    return [
        {"field": "severity", "headerName": t("Severity"), "width": 140, "sortable": True}
        | {"cellRenderer": "AlertSeverity"},
        {"field": "device", "headerName": t("Device"), "flex": 2, "minWidth": 170, "sortable": True}
        | {"cellRenderer": "AlertDevice"},
        {"field": "text", "headerName": t("What happened"), "flex": 4, "minWidth": 230}
        | {"cellRenderer": "AlertText"},
        {"field": "status", "headerName": t("Status"), "width": 150, "sortable": True}
        | {"cellRenderer": "AlertStatus"},
        {"field": "domain", "headerName": t("Domain"), "width": 130, "sortable": True}
        | {"cellRenderer": "AlertDomain"},
        {"field": "assignee", "headerName": t("Assignee"), "width": 130, "sortable": True},
        {"field": "opened_at", "headerName": t("Opened"), "width": 140, "sortable": True}
        | {"cellRenderer": "AlertTime", "initialSort": "desc"},
        {"field": "updated_at", "headerName": t("Changed"), "width": 140, "sortable": True}
        | {"cellRenderer": "AlertTime"},
    ]


def _select(
    name: str, everything: str, options: Mapping[str, str], asked: Mapping[str, str], language: Language
) -> html.Span:
    chosen = asked.get(name, "")
    items = [
        html.Button(
            language.t(text),
            type="button",
            className="chip",
            **data(filter=name, value=key),
            **aria(pressed="true" if key in chosen.split(",") else "false"),
        )
        for key, text in options.items()
    ]
    return html.Span(items, className="chips", role="group", **aria(label=everything))
