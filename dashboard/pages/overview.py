"""The overview: tiles, the map, the alert feed, and a drawer for the device in hand.

``/?device=<id>`` opens with that device; the scripts keep the address up to date.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import Any

import dash
import psycopg
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from dashboard.components.attributes import data
from dashboard.components.drawer import chart, device_head, drawer, missing, stream_options, values
from dashboard.components.feed import feed
from dashboard.components.gauges import gauges
from dashboard.components.map_panel import map_panel
from dashboard.components.tiles import domains, tiles
from dashboard.figures.stream_chart import stream_chart
from dashboard.languages import Language, requested_language
from dashboard.queries.charts import ChartData, read_chart
from dashboard.queries.devices import DeviceView, read_device
from dashboard.runtime import Runtime
from telemetry.errors import NotFoundError

CHART_POINTS = 1_500
"""More than the drawer's chart has pixels across."""


def layout(runtime: Runtime, **_: str) -> html.Main:
    """The page; the scripts read the device from the address."""
    language = runtime.languages[requested_language()]
    return html.Main(
        id="overview-root",
        className="overview",
        children=[
            dcc.Store(id="overview-device", data=None),
            html.Div(
                [tiles(language), domains(language), *gauges(runtime.city, language)],
                className="overview__left",
            ),
            map_panel(runtime.city, language),
            html.Div([feed(language), drawer(language)], className="overview__right"),
        ],
        **data(bbox=" ".join(map(str, runtime.city.bbox))),
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callbacks to the app."""
    dash.register_page(  # pyright: ignore[reportUnknownMemberType]
        "overview",
        path="/",
        title=lambda: runtime.languages[requested_language()].t("Overview") + " · CityOps",
        layout=functools.partial(layout, runtime),
    )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("overview-drawer-head", "children"),
        Output("overview-drawer-values", "children"),
        Output("overview-stream", "data"),
        Output("overview-stream", "value"),
        Input("overview-device", "data"),
    )
    async def show_device(device_id: str | None) -> tuple[Any, ...]:
        if not device_id:
            return (no_update,) * 4
        language = runtime.languages[requested_language()]
        try:
            view = await runtime.query(lambda conn: read_device(conn, str(device_id)))
        except NotFoundError:
            return missing(str(device_id), language), [], [], None
        return _filled(runtime, view, language)

    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("overview", "rendered"), Input("overview-drawer-values", "children")
    )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("overview-chart-place", "children"),
        Input("overview-stream", "value"),
        Input("overview-range", "value"),
        State("overview-device", "data"),
    )
    async def show_chart(stream_id: str | None, hours: str, device_id: str | None) -> Any:
        if not stream_id or not device_id:
            return no_update
        end = datetime.now(UTC)
        start = end - timedelta(hours=min(int(hours), 24 * 31))

        def ask(conn: psycopg.Connection) -> ChartData:
            return read_chart(conn, runtime.city, device_id, int(stream_id), (start, end), CHART_POINTS)

        found = await runtime.query(ask)
        language = runtime.languages[requested_language()]
        return chart(stream_chart(found, language))


def _filled(runtime: Runtime, view: DeviceView, language: Language) -> tuple[Any, ...]:
    newest = runtime.picture.latest([stream.stream_id for stream in view.streams])
    return (
        device_head(view.device, runtime.city, language),
        values(view, newest, language),
        stream_options(view.streams, language),
        str(view.streams[0].stream_id) if view.streams else None,
    )
