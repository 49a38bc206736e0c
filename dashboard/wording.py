"""The words of the pages that stand for keys: states, severities, domains, kinds, client texts.

Each table maps a key to a message id; `languages.Language.t` makes text of it.
"""

from __future__ import annotations

from typing import Final

from dashboard.languages import Language, mark

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
    "resolved": mark("Resolved"),
    "closed": mark("Closed"),
}

DOMAINS: Final[dict[str, str]] = {
    "traffic": mark("Traffic"),
    "drainage": mark("Drainage"),
    "environment": mark("Environment"),
    "energy": mark("Energy"),
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

CLIENT: Final[dict[str, str]] = {
    "live": mark("Live"),
    "connecting": mark("Connecting…"),
    "lost": mark("Connection lost. Trying again in {seconds} s."),
    "stale": mark("No news from the server"),
    "feed_down": mark("The server cannot reach its database"),
    "now": mark("just now"),
    "no_alerts": mark("No open alert"),
    "no_alerts_hint": mark("All quiet. New alerts appear here by themselves."),
    "no_alerts_filtered": mark("No open alert in the domains that are shown"),
    "no_webgl": mark("This browser has no WebGL: the map is drawn in a simpler way."),
    "map_failed": mark("The map's layers could not be loaded."),
    "devices_here": mark("{count} devices"),
    "alerts_count": mark("{count} alerts"),
    "no_value": mark("no reading yet"),
}
"""What the scripts say; sent with the page in the reader's language."""


def state_name(language: Language, state: str) -> str:
    """A state or severity in words."""
    return language.t(STATES.get(state, state))


def domain_name(language: Language, domain: str) -> str:
    """A domain in words."""
    return language.t(DOMAINS.get(domain, domain))


def kind_name(language: Language, kind: str) -> str:
    """A device kind in words; an unknown one as it is written, without underscores."""
    known = KINDS.get(kind)
    return language.t(known) if known else kind.replace("_", " ")


def client_texts(language: Language) -> dict[str, str]:
    """Everything the scripts say, by key."""
    return {key: language.t(message) for key, message in CLIENT.items()}
