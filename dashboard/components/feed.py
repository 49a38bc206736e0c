"""The alert feed's frame; the scripts keep its list."""

from __future__ import annotations

from dash import html

from dashboard.components.attributes import aria
from dashboard.languages import Language
from dashboard.wording import state_name
from telemetry.alerts import Severity


def feed(language: Language) -> html.Section:
    """Live alerts, newest first."""
    return html.Section(
        className="feed",
        children=[
            html.Div(
                [
                    html.H2(language.t("Live alerts"), className="panel__title"),
                    html.Span("–", id="overview-feed-count", className="pill"),
                    _least(language),
                ],
                className="feed__head",
            ),
            html.Ol(
                id="overview-feed",
                className="feed__list",
                children=[html.Li(className="skeleton feed__skeleton") for _ in range(6)],
                **aria(live="polite", busy="true"),
            ),
        ],
        **aria(label=language.t("Live alerts")),
    )


def _least(language: Language) -> html.Select:
    everything, *rest = Severity
    options = [html.Option(language.t("All severities"), value=str(everything))]
    for severity in rest:
        name = state_name(language, severity)
        milder = severity is not Severity.CRITICAL
        said = language.t("{severity} and worse", severity=name) if milder else name
        options.append(html.Option(said, value=str(severity)))
    return html.Select(
        options,
        id="overview-feed-least",
        className="field feed__least",
        **aria(label=language.t("Severity")),
    )
