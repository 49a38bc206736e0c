"""The table of alerts: its columns, its filters, and the bar for many at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_ag_grid
from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components.attributes import aria, data
from dashboard.languages import Language, mark
from dashboard.theme import FONT, px
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

ASSIGNED = {"mine": mark("Mine"), "nobody": mark("Unassigned")}
"""Whose alerts: the reader's own, or those that no one has taken."""
_ORDERS = {
    "opened_at": mark("Newest first"),
    "severity": mark("Worst first"),
    "updated_at": mark("Last changed first"),
}
"""What a list without columns can be sorted by."""
_SORTED = frozenset({"severity", "device", "status", "domain", "assignee", "opened_at", "updated_at"})
_BLOCK = 100
_SKELETONS = 8
_THEME = (
    "themeQuartz.withParams({backgroundColor: 'var(--panel)', foregroundColor: 'var(--text)', "
    "headerBackgroundColor: 'var(--panel-2)', headerTextColor: 'var(--soft)', borderColor: 'var(--line)', "
    "rowHoverColor: 'var(--raised)', selectedRowBackgroundColor: 'var(--raised)', "
    "accentColor: 'var(--accent)', oddRowBackgroundColor: 'var(--panel)', fontSize: '.8125rem', "
    f'fontFamily: "{FONT}"' + "})"
)


def filters(asked: Mapping[str, str], language: Language, *, may_act: bool) -> html.Div:
    """Plain controls; the scripts read them and the address keeps them."""
    t = language.t
    severities = {str(severity): STATES[str(severity)] for severity in reversed(Severity)}
    whose = ASSIGNED if may_act else {"nobody": ASSIGNED["nobody"]}
    return html.Div(
        [
            _chips("status", t("Status"), STATUSES, asked, language),
            _chips("severity", t("Severity"), severities, asked, language),
            _chips("domain", t("Domain"), DOMAINS, asked, language),
            _chips("assigned", t("Assignee"), whose, asked, language),
            dcc.Input(
                id="alerts-q",
                type="text",
                value=asked.get("q", "")[:64],
                maxLength=64,
                placeholder=t("Search a device"),
                className="alerts__search",
            ),
            html.Select(
                [html.Option(t(name), value=key) for key, name in _ORDERS.items()],
                id="alerts-order",
                className="field alerts__order",
                **aria(label=t("Order")),
            ),
        ],
        id="alerts-filters",
        className="page__bar alerts__filters",
    )


def filter_switch(language: Language) -> html.Button:
    """Shows the filters where there is no room for them: on a phone."""
    return html.Button(
        [language.t("Filters"), html.Span("", className="pill", hidden=True)],
        id="alerts-filter-switch",
        type="button",
        className="button alerts__switch",
        **aria(expanded="false", controls="alerts-filters"),
    )


def covers(language: Language) -> list[Component]:
    """What stands over the list while it loads, where nothing is found, and where asking failed."""
    t = language.t
    rows = [html.Div(className="skeleton alerts__skeleton") for _ in range(_SKELETONS)]
    return [
        html.Div(rows, id="alerts-loading", className="alerts__cover", **aria(busy="true")),
        _cover(
            "alerts-none",
            t("No alert matches these filters"),
            t("Choose fewer filters, or another device."),
            html.Button(t("Clear the filters"), id="alerts-clear", type="button", className="button"),
        ),
        _cover(
            "alerts-empty",
            t("No alert yet"),
            t("All quiet. New alerts appear here by themselves."),
            dcc.Link(t("To the map"), href="/", className="button", refresh=True),
        ),
        _cover(
            "alerts-failed",
            t("The alerts could not be read"),
            t("The server did not answer. Try again."),
            html.Button(t("Try again"), id="alerts-again", type="button", className="button"),
        ),
    ]


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


def alert_table(asked: Mapping[str, str], language: Language, *, may_act: bool) -> dash_ag_grid.AgGrid:
    """The grid, by blocks of a hundred rows as the reader scrolls, in the order the address asks for."""
    options: dict[str, Any] = {
        "theme": {"function": _THEME},
        "cacheBlockSize": _BLOCK,
        "maxBlocksInCache": 20,
        "rowHeight": px(46),
        "headerHeight": px(40),
        "enableCellTextSelection": True,
    }
    if may_act:
        options["rowSelection"] = {"mode": "multiRow", "headerCheckbox": False}
        options["selectionColumnDef"] = {"width": px(44), "minWidth": px(44), "resizable": False}
    return dash_ag_grid.AgGrid(
        id="alerts-grid",
        rowModelType="infinite",
        columnDefs=_sorted(_columns(language), asked),
        defaultColDef={"resizable": True, "sortable": False, "filter": False},
        getRowId="params.data.row_id",
        dashGridOptions=options,
        style={"height": "100%", "width": "100%"},
        dangerously_allow_code=False,
    )


def _columns(language: Language) -> list[dict[str, Any]]:
    t = language.t
    columns: list[dict[str, Any]] = [
        {"field": "severity", "headerName": t("Severity"), "width": px(150), "cellRenderer": "AlertSeverity"},
        {"field": "device", "headerName": t("Device"), "flex": 3, "minWidth": px(150)}
        | {"cellRenderer": "AlertDevice"},
        {"field": "text", "headerName": t("What happened"), "flex": 5, "minWidth": px(200)}
        | {"cellRenderer": "AlertText"},
        {"field": "status", "headerName": t("Status"), "width": px(132), "cellRenderer": "AlertStatus"},
        {"field": "domain", "headerName": t("Domain"), "width": px(118), "cellRenderer": "AlertDomain"},
        {"field": "assignee", "headerName": t("Assignee"), "width": px(140), "cellRenderer": "AlertAssignee"},
        {"field": "opened_at", "headerName": t("Opened"), "width": px(122), "cellRenderer": "AlertTime"},
        {"field": "updated_at", "headerName": t("Changed"), "width": px(122), "cellRenderer": "AlertTime"},
    ]
    return [column | {"sortable": column["field"] in _SORTED} for column in columns]


def _sorted(columns: list[dict[str, Any]], asked: Mapping[str, str]) -> list[dict[str, Any]]:
    by = asked.get("sort", "")
    by = by if by in _SORTED else "opened_at"
    way = "asc" if asked.get("order") == "asc" else "desc"
    return [column | {"initialSort": way} if column["field"] == by else column for column in columns]


def _cover(key: str, title: str, hint: str, action: Component) -> html.Div:
    said = [html.P(title, className="empty__title"), html.P(hint), action]
    return html.Div(html.Div(said, className="empty"), id=key, className="alerts__cover", hidden=True)


def _chips(
    name: str, label: str, options: Mapping[str, str], asked: Mapping[str, str], language: Language
) -> html.Span:
    chosen = asked.get(name, "").split(",")
    items = [
        html.Button(
            language.t(text),
            type="button",
            className="chip",
            **data(filter=name, value=key),
            **aria(pressed="true" if key in chosen else "false"),
        )
        for key, text in options.items()
    ]
    return html.Span(items, className="chips", role="group", **aria(label=label))
