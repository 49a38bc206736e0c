"""The explorer: any streams over any time, with what was marked on them.

``/explorer?streams=1,2&hours=24`` or ``…&start=<epoch ms>&end=<epoch ms>``, and
``&compare=1``; the scripts keep the address up to date.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dash
import dash_mantine_components as dmc
import psycopg
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from dashboard.components.attributes import aria
from dashboard.components.drawer import metric_name, range_label
from dashboard.figures.explorer_chart import explorer_chart
from dashboard.languages import Language, requested_language
from dashboard.queries.explorer import MOST_STREAMS, Choice, Track, find_choices, read_tracks
from dashboard.queries.times import LONGEST
from dashboard.runtime import Runtime
from dashboard.sentences import describe

RANGES_H = (1, 6, 24, 72, 168, 720)
_DEFAULT_H = 24
_SHORTEST = timedelta(seconds=10)


def layout(runtime: Runtime, **query: str) -> html.Main:
    """The page, with the state that its address says."""
    language = runtime.languages[requested_language()]
    streams = _ids(query.get("streams", ""))
    window = _window(query)
    return html.Main(
        id="explorer-root",
        className="page",
        children=[
            dcc.Store(id="explorer-window", data=window),
            dcc.Store(id="explorer-said"),
            html.H2(language.t("Explorer"), className="unseen"),
            _controls(language, streams, window, compare=query.get("compare") == "1"),
            html.Div(id="explorer-place", className="page__chart panel", children=_empty(language)),
        ],
    )


def _controls(
    language: Language, streams: Sequence[str], window: dict[str, int], *, compare: bool
) -> html.Div:
    ranges = [{"value": str(h), "label": range_label(h, language)} for h in RANGES_H]
    said = language.t("Streams, by device or measurement")
    pick = dmc.MultiSelect(
        id="explorer-streams",
        data=[],
        value=list(streams),
        searchable=True,
        clearable=True,
        maxValues=MOST_STREAMS,
        placeholder=said,
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
                id="explorer-range", size="sm", data=ranges, value=str(window.get("hours", ""))
            ),
            *(_moment(language, which) for which in ("from", "to")),
            dmc.Switch(id="explorer-compare", checked=compare, size="sm", label=language.t("Week before")),
            html.A(language.t("Download CSV"), id="explorer-csv", className="button", download=""),
        ],
    )


def _moment(language: Language, which: str) -> Any:
    said = language.t("From") if which == "from" else language.t("To")
    return dmc.DateTimePicker(
        id=f"explorer-{which}",
        valueFormat="DD/MM/YYYY HH:mm",
        size="sm",
        w=140,
        placeholder=said,
        **aria(label=said),
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callbacks to the app."""
    dash.register_page(  # pyright: ignore[reportUnknownMemberType]
        "explorer",
        path="/explorer",
        title=lambda: runtime.languages[requested_language()].t("Explorer") + " · CityOps",
        layout=functools.partial(layout, runtime),
    )
    _register_choices(app, runtime)
    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("explorer", "zoomed"),
        Output("explorer-window", "data", allow_duplicate=True),
        Output("explorer-range", "value"),
        Input("explorer-chart", "relayoutData"),
        State("explorer-window", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("explorer", "preset"),
        Output("explorer-window", "data", allow_duplicate=True),
        Input("explorer-range", "value"),
        prevent_initial_call=True,
    )
    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("explorer", "said"),
        Output("explorer-said", "data"),
        Input("explorer-streams", "value"),
        Input("explorer-window", "data"),
        Input("explorer-compare", "checked"),
    )
    _register_moments(app, runtime)
    _register_chart(app, runtime)


def _register_moments(app: Dash, runtime: Runtime) -> None:
    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("explorer-window", "data", allow_duplicate=True),
        Output("explorer-range", "value", allow_duplicate=True),
        Input("explorer-from", "value"),
        Input("explorer-to", "value"),
        prevent_initial_call=True,
    )
    def between(since: str | None, until: str | None) -> tuple[Any, Any]:
        zone = runtime.languages[requested_language()].zone
        try:
            start, end = (
                datetime.fromisoformat(text).replace(tzinfo=zone) if text else None for text in (since, until)
            )
        except ValueError:
            return no_update, no_update
        if start is None or end is None or start >= end:
            return no_update, no_update
        return {"start": _ms(max(start, end - LONGEST)), "end": _ms(end)}, ""


def _register_choices(app: Dash, runtime: Runtime) -> None:
    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("explorer-streams", "data"),
        Input("explorer-streams", "searchValue"),
        State("explorer-streams", "value"),
    )
    async def offer(words: str | None, chosen: list[str] | None) -> list[dict[str, str]]:
        ids = [int(text) for text in _ids(",".join(chosen or []))]
        found = await runtime.query(lambda conn: find_choices(conn, (words or "")[:80], ids))
        language = runtime.languages[requested_language()]
        return [{"value": str(item.stream_id), "label": _choice_name(item, language)} for item in found]


def _register_chart(app: Dash, runtime: Runtime) -> None:
    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("explorer-place", "children"),
        Input("explorer-streams", "value"),
        Input("explorer-window", "data"),
        Input("explorer-compare", "checked"),
    )
    async def draw(chosen: list[str] | None, window: dict[str, int] | None, compare: bool | None) -> Any:
        language = runtime.languages[requested_language()]
        ids = [int(text) for text in _ids(",".join(chosen or []))]
        if not ids:
            return _empty(language)
        start, end = _bounds(window or {}, datetime.now(UTC))

        def ask(conn: psycopg.Connection) -> list[Track]:
            return read_tracks(conn, ids, start, end, compare=bool(compare))

        tracks = await runtime.query(ask)
        if not tracks:
            return _empty(language)
        said = _sentences(tracks, runtime, language)
        return _graph(explorer_chart(tracks, (start, end), said, language))


def _sentences(tracks: Sequence[Track], runtime: Runtime, language: Language) -> dict[int, str]:
    return {
        alert.alert_id: describe(alert, track.device, runtime.city, runtime.languages).text[language.code]
        for track in tracks
        for alert in track.alerts
    }


def _graph(figure: dict[str, Any]) -> dcc.Graph:
    return dcc.Graph(
        id="explorer-chart",
        figure=figure,
        style={"height": "100%"},
        config={
            "displaylogo": False,
            "responsive": True,
            "doubleClick": "reset",
            "displayModeBar": True,
            "modeBarButtons": [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d"]],
            "toImageButtonOptions": {"format": "png", "filename": "cityops", "scale": 2},
        },
    )


def _empty(language: Language) -> html.Div:
    return html.Div(
        [
            html.P(language.t("Nothing to draw yet"), className="empty__title"),
            html.P(language.t("Choose streams above: type part of a device's name or of a measurement.")),
        ],
        className="empty",
    )


def _choice_name(choice: Choice, language: Language) -> str:
    device = language.pick(choice.device.name_vi, choice.device.name_en)
    return f"{device[:80]} · {metric_name(choice.metric, language)}"


def _ids(text: str) -> list[str]:
    """Stream ids of an address, as they are written there; what is none is left out."""
    found = (part.strip() for part in text.split(","))
    return [part for part in found if part.isascii() and part.isdigit() and int(part) < 2**31][:MOST_STREAMS]


def _window(query: dict[str, str]) -> dict[str, int]:
    start, end, hours = (_whole(query.get(name)) for name in ("start", "end", "hours"))
    if start is not None and end is not None and start < end:
        return {"start": start, "end": end}
    return {"hours": hours if hours in RANGES_H else _DEFAULT_H}


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 15 else None


def _bounds(window: dict[str, int], now: datetime) -> tuple[datetime, datetime]:
    """A time that can be read: neither empty nor longer than what is read at once."""
    try:
        if "start" in window:
            start, end = (datetime.fromtimestamp(window[name] / 1000, UTC) for name in ("start", "end"))
            return max(min(start, end - _SHORTEST), end - LONGEST), end
        return now - min(timedelta(hours=int(window["hours"])), LONGEST), now
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return now - timedelta(hours=_DEFAULT_H), now


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
