"""Water gauges with legal alarm levels: the level now against each of them."""

from __future__ import annotations

from dash import html

from dashboard.components.attributes import aria, data
from dashboard.languages import Language
from telemetry.city import AlarmLevels, City
from telemetry.devices import Device
from telemetry.metrics import METRICS

METRIC = "water_level_m"
_FLOOR_M = -2.0
"""Where the bars begin: about the lowest tide at Phú An."""
_HEADROOM = 1.15


def gauges(city: City, language: Language) -> list[html.Section]:
    """The section, or nothing for a city without alarm levels."""
    devices = {device.device_id: device for device in city.devices}
    rows = [
        _gauge(devices[levels.device_id], levels, language)
        for levels in city.alarm_levels.values()
        if levels.device_id in devices and levels.levels_m
    ]
    if not rows:
        return []
    title = html.H2(language.t("Water level against alarm levels"), className="panel__title")
    return [html.Section([title, *rows], className="gauges")]


def _gauge(device: Device, levels: AlarmLevels, language: Language) -> html.Button:
    top = max(levels.levels_m.values()) * _HEADROOM
    steps = sorted(levels.levels_m.values())
    ranks = range(4 - len(steps), 4)  # a single published level is the worst one
    return html.Button(
        type="button",
        className="level",
        children=[
            html.Span(language.pick(device.name_vi, device.name_en), className="level__name"),
            html.Span("–", className="level__value"),
            html.Span(
                [html.Span(className="level__fill")]
                + [
                    html.Span(
                        className=f"level__step level__step--{rank}",
                        title=language.quantity(step, 2, METRICS[METRIC].unit),
                        style={"left": f"{_share(step, top):.1f}%"},
                    )
                    for rank, step in zip(ranks, steps, strict=True)
                ],
                className="level__bar",
                **aria(hidden="true"),
            ),
        ],
        **data(
            gauge=device.device_id,
            floor=_FLOOR_M,
            top=top,
            steps=" ".join(f"{rank}:{step}" for rank, step in zip(ranks, steps, strict=True)),
        ),
    )


def _share(level_m: float, top_m: float) -> float:
    """Where a level stands on its bar, percent."""
    return 100 * (level_m - _FLOOR_M) / (top_m - _FLOOR_M)
