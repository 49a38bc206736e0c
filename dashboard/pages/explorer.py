"""The explorer: any streams over any time, with what was marked on them.

``/explorer?streams=1,2&hours=24`` or ``…&start=<epoch ms>&end=<epoch ms>``, and
``&compare=1``; the scripts keep the address up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from dashboard.auth.identity import current_identity
from dashboard.components.drawer import metric_name
from dashboard.components.emptiness import nothing
from dashboard.components.explorer_bar import RANGES_H, STEPS, explorer_bar
from dashboard.components.marking import label_table, marking_place
from dashboard.components.tracks import track_table
from dashboard.figures.explorer_chart import explorer_chart
from dashboard.languages import Language, mark, requested_language
from dashboard.queries.explorer import LONGEST, MOST_STREAMS, Choice, Track, find_choices, read_tracks
from dashboard.queries.labels import distinct
from dashboard.registration import add_page
from dashboard.runtime import Runtime
from dashboard.sentences import describe
from store.patience import limit_time
from telemetry.people import Role

_DEFAULT_H = 24
_PATIENCE_S = 8.0
_SHORTEST = timedelta(seconds=10)
_MINUTE_MS = 60_000


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
            dcc.Store(id="explorer-changes"),
            html.H2(language.t("Explorer"), className="unseen"),
            explorer_bar(
                language, streams, window, compare=query.get("compare") == "1", may_mark=_may_mark()
            ),
            marking_place(language),
            html.Div(
                id="explorer-place", className="page__chart panel", children=_pending(streams, language)
            ),
            html.Div(id="explorer-table", className="panel", hidden=not streams),
        ],
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callbacks to the app."""
    add_page(runtime, "explorer", mark("Explorer"), layout)
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
    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("explorer", "step"),
        Output("explorer-window", "data", allow_duplicate=True),
        Output("explorer-range", "value", allow_duplicate=True),
        *[Input(f"explorer-{name}", "n_clicks") for name in STEPS],
        State("explorer-window", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("explorer", "picture"), Input("explorer-png", "n_clicks")
    )
    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("marking", "drawn"),
        Output("explorer-changes", "data", allow_duplicate=True),
        Input("explorer-place", "children"),
        prevent_initial_call=True,
    )
    _register_moments(app, runtime)
    _register_chart(app, runtime)


def _register_moments(app: Dash, runtime: Runtime) -> None:
    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("explorer", "moments"),
        Output("explorer-from", "value"),
        Output("explorer-to", "value"),
        Input("explorer-window", "data"),
    )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("explorer-window", "data", allow_duplicate=True),
        Output("explorer-range", "value", allow_duplicate=True),
        Input("explorer-from", "value"),
        Input("explorer-to", "value"),
        State("explorer-window", "data"),
        prevent_initial_call=True,
    )
    def between(since: str | None, until: str | None, window: dict[str, int] | None) -> tuple[Any, Any]:
        zone = runtime.languages[requested_language()].zone
        try:
            start, end = (
                datetime.fromisoformat(text).replace(tzinfo=zone) if text else None for text in (since, until)
            )
        except ValueError:
            return no_update, no_update
        if start is None or end is None or start >= end or _shown(window, start, end):
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
        Output("explorer-table", "children"),
        Output("explorer-table", "hidden"),
        Input("explorer-streams", "value"),
        Input("explorer-window", "data"),
        Input("explorer-compare", "checked"),
        Input("explorer-changes", "data"),
    )
    async def draw(
        chosen: list[str] | None, window: dict[str, int] | None, compare: bool | None, _: int | None
    ) -> Any:
        language = runtime.languages[requested_language()]
        ids = [int(text) for text in _ids(",".join(chosen or []))]
        start, end = _bounds(window or {}, datetime.now(UTC))

        def ask(conn: psycopg.Connection) -> list[Track]:
            limit_time(conn, _PATIENCE_S)
            return read_tracks(conn, ids, start, end, compare=bool(compare))

        try:
            tracks = await runtime.query(ask) if ids else []
        except psycopg.errors.QueryCanceled:
            return _too_much(language), None, True
        if not tracks:
            return _empty(language), None, True
        said = _sentences(tracks, runtime, language)
        figure = explorer_chart(tracks, (start, end), said, language)
        return _graph(figure), _tables(tracks, language), False


def _tables(tracks: Sequence[Track], language: Language) -> list[Any]:
    labels = distinct([label for track in tracks for label in track.labels])
    found = label_table(labels, current_identity(), language)
    return [track_table(tracks, language), found]


def _may_mark() -> bool:
    return current_identity().allows(Role.ENGINEER)


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
            "displayModeBar": False,
        },
    )


def _pending(streams: Sequence[str], language: Language) -> html.Div:
    return html.Div(className="skeleton page__skeleton") if streams else _empty(language)


def _empty(language: Language) -> html.Div:
    hint = language.t("Choose streams above: type part of a device's name or of a measurement.")
    return nothing(language.t("Nothing to draw yet"), hint)


def _too_much(language: Language) -> html.Div:
    hint = language.t("Choose a shorter time or fewer streams.")
    return nothing(language.t("That is more than can be read in time"), hint)


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


def _shown(window: dict[str, int] | None, start: datetime, end: datetime) -> bool:
    """Whether the pickers only say what is shown already; they know no seconds."""
    shown = window or {}
    return all(
        name in shown and abs(shown[name] - _ms(moment)) < _MINUTE_MS
        for name, moment in (("start", start), ("end", end))
    )


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
