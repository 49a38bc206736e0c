"""The detectors' page: what is in force, every detector of it, and the versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from dash import html
from dash.development.base_component import Component

from dashboard.complaints import fault_in_words
from dashboard.components.attributes import data
from dashboard.components.detector_editor import as_json
from dashboard.components.emptiness import nothing
from dashboard.components.sheet import sheet, titled
from dashboard.languages import Language, mark
from dashboard.queries.detection import Picture, Running, offered
from dashboard.wording import DETECTORS, domain_name
from store.detection import PROFILE, Activation, Version
from telemetry.detection import DetectorSpec, Selector
from telemetry.detection.inspection import watched
from telemetry.devices import Device
from telemetry.metrics import Domain

_MOST_NAMES = 6
_OWN_REASONS = (mark("as the city's profile has it"), mark("the city's profile has changed"))
"""What `store.detection.offer` writes."""
_NBSP = "\N{NO-BREAK SPACE}"


def parts(picture: Picture, language: Language, *, may_change: bool) -> list[Component]:
    """The page below its head."""
    if picture.active is None:
        hint = language.t("The city's profile becomes the first one when the platform starts.")
        return [html.Div(nothing(language.t("No version yet"), hint), className="panel")]
    found = [_status(picture, language)]
    offer = offered(picture.versions, picture.activations)
    if offer is not None:
        found.append(_offer(offer, language, may_change=may_change))
    detectors = picture.configuration.detector
    table = _detectors(detectors, picture.devices, language)
    return [
        *found,
        titled(language.t("Detectors in force"), table),
        titled(language.t("Versions"), _versions(picture, language, may_change=may_change)),
    ]


def _status(picture: Picture, language: Language) -> html.Section:
    version = next(one for one in picture.versions if one.version == picture.active)
    since = picture.activations[0]
    facts = [
        _fact(
            language.t("In force"),
            language.t("Version {version}", version=version.version),
            _why(since.reason, language),
        ),
        _fact(language.t("Since"), language.day_time(since.at), _person(since.actor, language)),
        _fact(
            language.t("Detectors"),
            str(len(picture.configuration.enabled)),
            language.t("of {count} that are configured", count=len(picture.configuration.detector)),
        ),
        _running(picture.running, picture.active, language),
    ]
    faults = [fault for fault in (picture.fault, picture.running.fault) if fault]
    said = dict.fromkeys(fault_in_words(fault, language.code) for fault in faults)
    wrong = [html.P(one, className="mend__wrong", role="alert") for one in said]
    return html.Section([html.Div(facts, className="facts"), *wrong], className="panel section")


def _running(running: Running, active: int | None, language: Language) -> html.Div:
    name = language.t("Analytics runs")
    if running.version is None:
        return _fact(name, "–", language.t("no word from it yet"))
    said = language.t("Version {version}", version=running.version)
    if running.next_version is not None:
        note = language.t("version {version} is warming up", version=running.next_version)
    elif running.version == active:
        note = language.t("the version in force")
    else:
        note = language.t("not the version in force")
    return _fact(name, said, note)


def _fact(name: str, value: str, note: str) -> html.Div:
    return html.Div(
        [
            html.Span(name, className="fact__name"),
            html.Span(value, className="fact__value"),
            html.Span(note, className="fact__note"),
        ],
        className="fact",
    )


def _offer(version: Version, language: Language, *, may_change: bool) -> html.Section:
    said = language.t(
        "The city's profile has changed and offers version {version}; what was decided stays in force.",
        version=version.version,
    )
    acts = [_compare(version.version, language)]
    if may_change:
        acts.append(_restore(version.version, language))
    return html.Section(
        [html.P(said), html.Div(acts, className="acts")], className="panel section detectors__offer"
    )


def _detectors(specs: Sequence[DetectorSpec], devices: Sequence[Device], language: Language) -> Component:
    if not specs:
        return nothing(language.t("No detector"), language.t("Nothing is watched."))
    names = (
        language.t("Detector"),
        language.t("Kind"),
        language.t("Streams"),
        language.t("Selected by"),
        language.t("Parameters"),
    )
    return sheet(names, [_detector(spec, devices, language) for spec in specs])


def _detector(spec: DetectorSpec, devices: Sequence[Device], language: Language) -> html.Tr:
    off = [html.Br(), html.Small(language.t("off"))]
    pairs = watched(spec, devices)
    by_domain = Counter(device.domain for device, _ in pairs)
    shares = [
        f"{domain_name(language, str(domain))} {language.number(by_domain[domain])}".replace(" ", _NBSP)
        for domain in Domain
        if by_domain[domain]
    ]
    counts = [html.Strong(language.number(len(pairs))), html.Br(), html.Small(" · ".join(shares))]
    return html.Tr(
        [
            html.Th([spec.name, *([] if spec.enabled else off)], scope="row"),
            html.Td(
                [language.t(DETECTORS[spec.kind]), html.Br(), html.Small(spec.kind)],
                className="detectors__kind",
            ),
            html.Td(counts if pairs else language.t("none"), className="detectors__streams"),
            html.Td(_selected(spec.select, language), className="detectors__selected"),
            html.Td(html.Div(_parameters(spec, language), className="detectors__parameters")),
        ],
        key=spec.name,
        className="" if spec.enabled else "detectors__off",
    )


def _selected(selectors: Sequence[Selector], language: Language) -> list[Component | str]:
    if not selectors:
        return [language.t("everything it can speak of")]
    return [html.Div(_selector(selector), className="detectors__code") for selector in selectors]


def _selector(selector: Selector) -> str:
    lists: dict[str, Sequence[str]] = {
        key: getattr(selector, key) for key in ("domain", "metric", "zone", "kind", "device")
    }
    lists |= {f"tags.{name}": values for name, values in selector.tags.items()}
    said = [f"{key} = {_few(values)}" for key, values in lists.items() if values]
    return " · ".join(said) or "*"


def _few(names: Sequence[str]) -> str:
    more = f", … ({len(names)})" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _parameters(spec: DetectorSpec, language: Language) -> list[Component | str]:
    """Those that are given, and greyed the defaults of the others."""
    values: Mapping[str, Any] = msgspec.to_builtins(spec.parameters())
    if not values:
        return [language.t("none")]
    return [
        html.Div(
            f"{name} = {as_json(value)}",
            className="detectors__code" if name in spec.params else "detectors__code detectors__default",
            title="" if name in spec.params else language.t("the default"),
        )
        for name, value in values.items()
    ]


def _versions(picture: Picture, language: Language, *, may_change: bool) -> Component:
    names = (
        language.t("Version"),
        language.t("Made"),
        language.t("By"),
        language.t("Reason"),
        language.t("In force from"),
        language.t("Action"),
    )
    last: dict[int, Activation] = {}
    for activation in picture.activations:
        last.setdefault(activation.version, activation)
    rows = [
        _version(one, last.get(one.version), picture.active, language, may_change=may_change)
        for one in picture.versions
    ]
    return sheet(names, rows)


def _version(
    version: Version, last: Activation | None, active: int | None, language: Language, *, may_change: bool
) -> html.Tr:
    acts = [_compare(version.version, language, version.based_on)]
    if may_change and version.version != active:
        acts.append(_restore(version.version, language))
    because = (
        [html.Br(), html.Small(_why(last.reason, language))] if last and last.reason != version.reason else []
    )
    since = (
        [language.day_time(last.at), html.Br(), html.Small(_person(last.actor, language)), *because]
        if last is not None
        else language.t("never")
    )
    now = [html.Br(), html.Small(language.t("in force"))] if version.version == active else []
    return html.Tr(
        [
            html.Th([language.number(version.version), *now], scope="row"),
            html.Td(language.day_time(version.created_at), className="sheet__whole"),
            html.Td(_person(version.author, language)),
            html.Td(_why(version.reason, language)),
            html.Td(since),
            html.Td(html.Div(acts, className="acts")),
        ],
        key=str(version.version),
        className="detectors__now" if version.version == active else "",
    )


def _compare(version: int, language: Language, before: int | None = None) -> html.Button:
    facts = data(act="compare", version=version, **({"before": before} if before else {}))
    return html.Button(language.t("Compare"), type="button", className="button", **facts)


def _restore(version: int, language: Language) -> html.Button:
    facts = data(act="restore", version=version)
    return html.Button(language.t("Put in force"), type="button", className="button", **facts)


def _person(name: str, language: Language) -> str:
    return language.t("The city's profile") if name.startswith(PROFILE) else name


def _why(reason: str, language: Language) -> str:
    """A reason as it was written; the platform's own in the reader's language."""
    return language.t(reason) if reason in _OWN_REASONS else reason
