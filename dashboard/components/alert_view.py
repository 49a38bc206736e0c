"""Parts of an alert's page: its facts, what can be done, its life, and those before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from dash import dcc, html
from dash.development.base_component import Component

from alerts.lifecycle import Kind, allowed
from alerts.policy import CLOSING
from dashboard.components.alert_table import VERBS
from dashboard.components.attributes import aria, data
from dashboard.components.marks import state_mark
from dashboard.languages import Language
from dashboard.live.messages import AlertItem
from dashboard.queries.alerts import AlertView
from dashboard.wording import EVENTS, VERDICTS, domain_name, state_name, status_name
from telemetry.alerts import UNWATCHED, AlertEvent, AlertStatus
from telemetry.city import City

_KINDS = {
    "acknowledge": Kind.ACKNOWLEDGED,
    "start": Kind.STARTED,
    "resolve": Kind.RESOLVED,
    "close": Kind.CLOSED,
    "reopen": Kind.REOPENED,
}
_QUIET = ("refreshed",)
_SHOWN = 60


def facts(item: AlertItem, view: AlertView, city: City, language: Language) -> html.Div:
    """What happened, where, since when, and who has it."""
    t, code = language.t, language.code
    zone = next((z for z in city.zones if z.code == view.device.zone), None)
    place = language.pick(zone.name_vi, zone.name_en) if zone else view.device.zone
    rows = [
        (t("Status"), status_name(language, item.status)),
        (t("Severity"), state_name(language, item.severity)),
        (t("Assignee"), item.assignee or "–"),
        (t("Verdict"), t(VERDICTS[item.verdict]) if item.verdict in VERDICTS else "–"),
        (t("Opened"), language.day_time(_moment(item.opened_at))),
        (t("Domain"), domain_name(language, item.domain)),
        (t("Place"), f"{place} · {view.device.lat:.4f}, {view.device.lon:.4f}"),
    ]
    return html.Div(
        [
            html.Div(
                [state_mark(item.severity, language, large=True), html.H2(item.text[code])],
                className="alert-page__title",
            ),
            dcc.Link(
                item.device_name[code], href=f"/?device={item.device_id}", className="alert-page__device"
            ),
            html.Dl(
                [html.Div([html.Dt(name), html.Dd(value)]) for name, value in rows],
                className="alert-page__facts",
            ),
        ],
        **data(version=item.version, status=item.status),
        **data(device=item.device_id, lat=view.device.lat, lon=view.device.lon, state=_mark(item)),
        id="alert-state",
    )


def place(language: Language, attribution: str) -> html.Div:
    """The small map's frame; ``assets/alert_map.js`` draws into it."""
    return html.Div(
        [
            html.Div(id="alert-map", className="alert-page__map-canvas"),
            html.A(language.t("Show on the map"), id="alert-map-link", href="/", className="button"),
            html.Div(attribution, className="map__sources"),
        ],
        className="panel alert-page__map",
        role="group",
        **aria(label=language.t("Where it is")),
    )


def actions(item: AlertItem, people: Sequence[str], language: Language) -> list[Component]:
    """The next steps of its life, taking it or giving it to one of ``people``, and the verdict."""
    status = AlertStatus(item.status)
    steps: list[Component] = [
        html.Button(language.t(name), type="button", className="button", **data(verb=verb))
        for verb, name in VERBS.items()
        if allowed(status, _KINDS[verb])
    ]
    if allowed(status, Kind.ASSIGNED):
        take = language.t("Assign to me")
        steps.append(html.Button(take, type="button", className="button", **data(verb="assign")))
        steps.append(_assignees(item, people, language))
    verdicts = [
        html.Button(
            language.t(name),
            type="button",
            className="chip",
            **data(verb="verdict", verdict=verdict),
            **aria(pressed="true" if item.verdict == verdict else "false"),
        )
        for verdict, name in VERDICTS.items()
    ]
    return [
        html.Div(
            [
                *steps,
                html.Span(verdicts, className="chips", role="group", **aria(label=language.t("Verdict"))),
            ],
            className="page__bar alert-page__actions",
        )
    ]


def comment_form(language: Language) -> html.Div:
    """Where people write; the scripts send it."""
    return html.Div(
        [
            dcc.Textarea(
                id="alert-comment",
                maxLength=2000,
                placeholder=language.t("Write a comment"),
                className="field alert-page__comment",
            ),
            html.Button(language.t("Add comment"), id="alert-send", type="button", className="button"),
        ],
        className="alert-page__form",
    )


def timeline(events: Sequence[AlertEvent], language: Language) -> html.Ol:
    """The life, newest first; what detectors only refreshed is left out."""
    told = [event for event in reversed(events) if event.kind not in _QUIET]
    return html.Ol([_event(event, language) for event in told[:_SHOWN]], className="life")


def earlier(items: Sequence[AlertItem], language: Language) -> list[Component]:
    """Alerts of the same stream before this one."""
    title = html.H3(language.t("Earlier alerts of this measurement"), className="panel__title")
    if not items:
        return [title, html.P(language.t("None: this is the first."), className="page__note")]
    rows = [
        html.Li(
            dcc.Link(
                [
                    state_mark(item.severity, language),
                    html.Time(language.day_time(_moment(item.opened_at))),
                    html.Span(item.text[language.code]),
                    html.Span(status_name(language, item.status), className="page__note"),
                ],
                href=f"/alerts/{item.alert_id}",
            )
        )
        for item in items
    ]
    return [title, html.Ul(rows, className="before")]


def missing(language: Language) -> html.Div:
    """An address that leads to no alert."""
    return html.Div(html.P(language.t("No such alert"), className="empty__title"), className="empty")


def _assignees(item: AlertItem, people: Sequence[str], language: Language) -> html.Select:
    options = [html.Option(language.t("Assign to…"), value="")]
    options += [html.Option(name, value=name) for name in people if name != item.assignee]
    if item.assignee:
        # No name is a dash.
        options.append(html.Option(language.t("Assign to no one"), value="-"))
    return html.Select(
        options, id="alert-assignee", className="field", **aria(label=language.t("Assign to…"))
    )


def _mark(item: AlertItem) -> str:
    """What the device's mark on the map looks like."""
    if not item.live:
        return "ok"
    return "silent" if item.rule == "silence" else item.severity


def _who(actor: str, language: Language) -> str:
    kinds = {"detector": language.t("Detector"), "system": language.t("System")}
    return kinds.get(actor.partition(":")[0], actor) if ":" in actor else actor


def _event(event: AlertEvent, language: Language) -> html.Li:
    who = _who(event.actor, language)
    said = [html.Span(language.t(EVENTS.get(event.kind, event.kind)), className="life__what")]
    if isinstance(person := event.detail.get("assignee"), str):
        said.append(html.Span(f"→ {person}"))
    if event.actor == CLOSING:
        hours = float(event.detail.get("after_h") or 0)
        said.append(html.Span(language.t("(resolved for {hours} h)", hours=language.number(hours))))
    if event.detail.get("reason") == UNWATCHED:
        said.append(html.Span(language.t("(no longer watched)")))
    if (verdict := event.detail.get("verdict")) in VERDICTS:
        said.append(html.Span(language.t(VERDICTS[verdict])))
    return html.Li(
        [
            html.Div(
                [html.Strong(who), html.Time(language.day_time(event.at))],
                className="life__who",
            ),
            html.Div(said, className="life__line"),
            html.P(str(event.detail["text"]), className="life__text") if event.detail.get("text") else None,
        ],
        **data(kind=event.kind),
    )


def _moment(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)
