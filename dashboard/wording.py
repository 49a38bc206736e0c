"""The words of the pages that stand for keys: states, severities, domains, kinds, client texts.

Each table maps a key to a message id; `languages.Language.t` makes text of it.
"""

from __future__ import annotations

from typing import Final

from dashboard.languages import Language, mark
from telemetry.metrics import Metric

STATES: Final[dict[str, str]] = {
    "ok": mark("Normal"),
    "info": mark("Information"),
    "minor": mark("Minor"),
    "major": mark("Major"),
    "critical": mark("Critical"),
    "silent": mark("No signal"),
    "unknown": mark("No reading yet"),
}
"""A device's state, mildest to worst but for the last two; severities are four of them."""

STATUSES: Final[dict[str, str]] = {
    "open": mark("New"),
    "acknowledged": mark("Acknowledged"),
    "in_progress": mark("In progress"),
    "resolved": mark("Resolved"),
    "closed": mark("Closed"),
}

VERDICTS: Final[dict[str, str]] = {
    "true": mark("True alert"),
    "false": mark("False alert"),
    "nuisance": mark("Nuisance"),
}

LABEL_KINDS: Final[dict[str, str]] = {
    "flood": mark("Flood"),
    "accident": mark("Accident"),
    "pollution": mark("Pollution"),
    "outage": mark("Power outage"),
    "stuck": mark("Stuck sensor"),
    "spike": mark("Spikes"),
    "drift": mark("Drift"),
    "dropout": mark("Missing readings"),
    "offset": mark("Offset"),
    "noisy": mark("Noisy sensor"),
    "clock": mark("Wrong clock"),
}
"""Kinds of label that the platform knows; engineers may use others."""

MEANINGS: Final[dict[str, str]] = {
    "happened": mark("It happened"),
    "nuisance": mark("Not worth telling"),
    "nothing": mark("Nothing happened"),
}

LABEL_SOURCES: Final[dict[str, str]] = {
    "truth": mark("Simulator"),
    "verdict": mark("Verdict on an alert"),
    "drawn": mark("Drawn"),
    "imported": mark("From a file"),
}

DETECTORS: Final[dict[str, str]] = {
    "clock": mark("Wrong clock"),
    "forecast": mark("Early warning"),
    "groups": mark("Sensors together"),
    "drift": mark("Drift"),
    "jumps": mark("Spikes, steps, noise"),
    "limits": mark("Limits"),
    "rates": mark("Fast change"),
    "onset": mark("Sudden change"),
    "seasonal": mark("Unusual for the hour"),
    "silence": mark("No signal"),
    "stuck": mark("Stuck sensor"),
    "subspace": mark("Unusual course"),
    "vn_aqi": mark("Air quality index"),
}
"""What a kind of detector looks for."""

EVENTS: Final[dict[str, str]] = {
    "opened": mark("opened the alert"),
    "refreshed": mark("saw it again"),
    "escalated": mark("raised the severity"),
    "returned": mark("saw the condition come back"),
    "acknowledged": mark("acknowledged it"),
    "started": mark("started work"),
    "assigned": mark("assigned it"),
    "commented": mark("commented"),
    "judged": mark("gave a verdict"),
    "resolved": mark("resolved it"),
    "closed": mark("closed it"),
    "reopened": mark("reopened it"),
}
"""What happened in an alert's life, said of who did it."""

DOMAINS: Final[dict[str, str]] = {
    "traffic": mark("Traffic"),
    "drainage": mark("Drainage"),
    "environment": mark("Environment"),
    "energy": mark("Energy"),
    "platform": mark("Platform"),
}

KINDS: Final[dict[str, str]] = {
    "traffic_detector": mark("Traffic detector"),
    "traffic_camera": mark("Traffic camera"),
    "tide_gauge": mark("Tide gauge"),
    "rain_gauge": mark("Rain gauge station"),
    "flood_gauge": mark("Flood gauge"),
    "canal_level": mark("Canal water-level station"),
    "tidal_gate": mark("Tidal sluice gate"),
    "pump_station": mark("Pumping station"),
    "air_station": mark("Air monitoring station"),
    "noise_meter": mark("Noise monitoring station"),
    "substation": mark("Substation"),
    "feeder": mark("Feeder"),
    "transformer": mark("Transformer"),
    "lighting_cabinet": mark("Lighting control cabinet"),
}
"""Device kinds of the city profiles; another city may have its own, see `kind_name`."""

AIR_CATEGORIES: Final[dict[str, str]] = {
    "good": mark("Good"),
    "moderate": mark("Moderate"),
    "poor": mark("Poor"),
    "bad": mark("Bad"),
    "very_bad": mark("Very bad"),
    "hazardous": mark("Hazardous"),
}
"""VN_AQI's categories."""

AIR_ADVICE: Final[dict[str, str]] = {
    "good": mark("Everyone can be outdoors as usual."),
    "moderate": mark("Fine for most. Very sensitive people should watch for coughing or short breath."),
    "poor": mark("Children, the elderly and people with heart or lung disease should stay out less."),
    "bad": mark("Everyone should cut down hard work outdoors; sensitive people should stay indoors."),
    "very_bad": mark("Everyone should stay indoors as far as possible and wear a mask outside."),
    "hazardous": mark("Emergency: stay indoors, close windows and doors, wear a mask if you must go out."),
}
"""What a category means for people."""

NOISE_AREAS: Final[dict[str, str]] = {
    "road": mark("Kerbside"),
    "common": mark("Residential area"),
    "special": mark("Hospital, school or other quiet area"),
}
"""What a noise meter stands in."""

REFUSALS: Final[dict[str, str]] = {
    "device": mark("Unknown device"),
    "metric": mark("Unknown measurement"),
    "range": mark("Value out of range"),
    "value": mark("Not a number"),
    "time": mark("Wrong time"),
    "status": mark("Unknown status"),
    "size": mark("Message too large"),
    "json": mark("Not JSON"),
    "shape": mark("Wrong shape"),
    "store": mark("Could not be stored"),
    "topic": mark("Unknown topic"),
    "birth": mark("Birth not seen"),
    "cbor": mark("Not SenML in CBOR"),
    "protobuf": mark("Not Sparkplug B"),
    "unit": mark("Wrong unit"),
}
"""Why a message was refused."""

REPLAY_TEXTS: Final[dict[str, str]] = {
    "sure": mark("Once more to confirm"),
    "cancel": mark("Cancel"),
    "left": mark("{count} messages left quarantine, with {readings} new readings."),
    "would": mark("{count} messages would leave quarantine, with {readings} new readings."),
    "refused": mark("{count} refused again:"),
    "waits": mark("The replay waits until ingest runs."),
    "dropped": mark("{count} messages dropped."),
}
"""What came of a replay, said by the scripts of two pages."""

UNITS: Final[dict[str, str]] = {"veh/h": mark("veh/h")}
"""Units that are words."""

ROLES: Final[dict[str, str]] = {
    "viewer": mark("Viewer"),
    "operator": mark("Operator"),
    "engineer": mark("Engineer"),
    "administrator": mark("Administrator"),
}

ROLE_RIGHTS: Final[dict[str, str]] = {
    "viewer": mark("Look at everything that is shown."),
    "operator": mark("Look, and work on alerts."),
    "engineer": mark("Look, work on alerts, adopt devices, and mend what is in quarantine."),
    "administrator": mark("Everything: people, keys and the audit log too."),
}
"""What a role may do, said to whoever has it."""

CLIENT: Final[dict[str, str]] = {
    "live": mark("Live"),
    "connecting": mark("Connecting…"),
    "lost": mark("Connection lost. Trying again in {seconds} s."),
    "stale": mark("No news from the server"),
    "feed_down": mark("The server cannot reach its database"),
    "now": mark("just now"),
    "doubtful": mark("in doubt: {faults}"),
    "no_alerts": mark("No open alert"),
    "no_alerts_hint": mark("All quiet. New alerts appear here by themselves."),
    "no_alerts_filtered": mark("No open alert in the domains that are shown"),
    "no_webgl": mark("This browser has no WebGL: the map is drawn in a simpler way."),
    "map_failed": mark("The map's layers could not be loaded."),
    "devices_here": mark("{count} devices"),
    "alerts_count": mark("{count} alerts"),
    "no_value": mark("no reading yet"),
    "as_of_age": mark("Updated {age}."),
    "acknowledge": mark("Acknowledge"),
    "alerts_found": mark("{count} found"),
    "alerts_chosen": mark("{count} chosen"),
    "done": mark("Done: {count}"),
    "refused": mark("Not done: {count}. {why}"),
    "unreachable": mark("The server did not answer. Try again."),
    "stale_value": mark("Old value"),
    "layer_speed": mark("Speed {value} km/h"),
    "layer_level": mark("Level {value} m"),
    "layer_index": mark("Air quality index {value}"),
    "layer_load": mark("Load {value}"),
    "as_of": mark("As of {time}"),
    "as_of_old": mark("Old: as of {time}"),
    "since_an_hour": mark("{count} in an hour"),
    "as_an_hour_ago": mark("as an hour ago"),
    "search": mark("Search the city"),
    "search_hint": mark("Device, street or ward"),
    "nothing_found": mark("Nothing has that name."),
    "places_found": mark("{count} found"),
    "place_device": mark("Device"),
    "place_street": mark("Street"),
    "place_water": mark("River or canal"),
    "place_ward": mark("Ward or commune"),
    "place_district": mark("Former district"),
    "bell": mark("Sound and notifications for critical alerts"),
    "bell_off": mark("Off. Click for a sound and a notification at critical alerts."),
    "bell_on": mark("On: a sound and a notification at critical alerts."),
    "bell_blocked": mark("On, with sound alone: this browser blocks notifications."),
    "bell_waiting": mark("On. The browser allows sound after the first click on the page."),
    "critical_at": mark("Critical: {device}"),
}
"""What the scripts say; sent with the page in the reader's language."""


def state_name(language: Language, state: str) -> str:
    """A state or severity in words."""
    return language.t(STATES.get(state, state))


def status_name(language: Language, status: str) -> str:
    """Where an alert stands, in words."""
    return language.t(STATUSES.get(status, status))


def domain_name(language: Language, domain: str) -> str:
    """A domain in words."""
    return language.t(DOMAINS.get(domain, domain))


def role_name(language: Language, role: str) -> str:
    """A person's role in words."""
    return language.t(ROLES.get(role, role))


def kind_name(language: Language, kind: str) -> str:
    """A device kind in words; an unknown one as it is written, without underscores."""
    known = KINDS.get(kind)
    return language.t(known) if known else kind.replace("_", " ")


def unit_name(language: Language, unit: str) -> str:
    """A unit as the reader's language writes it; most are the same in every language."""
    return language.t(UNITS[unit]) if unit in UNITS else unit


def amount(language: Language, value: float | None, metric: Metric | None) -> str:
    """A value of a metric with its unit, a dash where there is none."""
    if value is None:
        return "–"
    if metric is None:
        return language.number(value, 2)
    return language.quantity(value, metric.decimals, unit_name(language, metric.unit))


def client_texts(language: Language) -> dict[str, str]:
    """Everything the scripts say, by key."""
    words = CLIENT | {f"air_{key}": message for key, message in AIR_CATEGORIES.items()}
    return {key: language.t(message) for key, message in words.items()}
