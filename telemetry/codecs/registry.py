"""The formats there are."""

from __future__ import annotations

from collections.abc import Callable

from telemetry.codecs.chirpstack import ChirpStack
from telemetry.codecs.cityops_json import CityopsJson
from telemetry.codecs.contract import Codec
from telemetry.codecs.mapping import Mapping
from telemetry.codecs.senml import SenML
from telemetry.codecs.sparkplug import Sparkplug
from telemetry.codecs.things_stack import ThingsStack
from telemetry.errors import ConfigError
from telemetry.settings import Format

CODECS: dict[str, Callable[[Format], Codec]] = {
    "cityops_json": CityopsJson,
    "senml_json": lambda format_: SenML(format_, "json"),
    "senml_cbor": lambda format_: SenML(format_, "cbor"),
    "sparkplug_b": Sparkplug,
    "chirpstack": ChirpStack,
    "things_stack": ThingsStack,
    "mapping": Mapping,
}
"""Name in the settings → codec."""

_ONLY = {"each": "mapping", "readings": "mapping"}
"""Settings that mean something to one format alone."""


def make_codec(format_: Format) -> Codec:
    """The codec of a format's settings; `ConfigError` where they do not fit together."""
    factory = CODECS.get(format_.format)
    if factory is None:
        raise ConfigError(f"ingest.formats: no format {format_.format!r}", cure=f"one of {', '.join(CODECS)}")
    for name, only in _ONLY.items():
        if getattr(format_, name) and format_.format != only:
            raise ConfigError(
                f"ingest.formats: {name} means nothing to {format_.format}", cure=f"it is for {only}"
            )
    return factory(format_)
