"""What a configuration comes to in a city: the streams of each detector, and what looks like a mistake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from telemetry.detection.changes import alike
from telemetry.detection.configuration import Configuration, DetectorSpec
from telemetry.devices import Device

Doubtful = Literal["no_stream", "no_stream_at_all", "alike", "none_enabled"]

_SENTENCES: dict[Doubtful, str] = {
    "no_stream": "{detector}: {key} matches no stream",
    "no_stream_at_all": "{detector}: watches no stream",
    "alike": "{detector}: does the same as {other}",
    "none_enabled": "no detector is enabled: nothing is watched",
}


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that can be applied and is probably not meant."""

    what: Doubtful
    detector: str = ""
    key: str = ""
    other: str = ""

    def __str__(self) -> str:
        return _SENTENCES[self.what].format(detector=self.detector, key=self.key, other=self.other)


def examine(configuration: Configuration, zones: Iterable[str], devices: Sequence[Device]) -> list[Doubt]:
    """Check a configuration against a city and its devices.

    Returns
    -------
    What can be applied and looks like a mistake.

    Raises
    ------
    ConfigError
        Naming detector and key, where something named is not there.
    """
    configuration.check(zones, {name for device in devices for name in device.tags})
    doubts: list[Doubt] = [] if configuration.enabled else [Doubt("none_enabled")]
    for spec in configuration.enabled:
        doubts += _aimless(spec, devices)
    for place, spec in enumerate(configuration.enabled):
        twins = [other.name for other in configuration.enabled[:place] if alike(other, spec)]
        doubts += [Doubt("alike", spec.name, other=twins[0])] if twins else []
    return doubts


def watched(spec: DetectorSpec, devices: Iterable[Device]) -> list[tuple[Device, str]]:
    """The devices and metrics that the configuration gives a detector."""
    return [
        (device, metric) for device in devices for metric in device.metrics if spec.watches(device, metric)
    ]


def _aimless(spec: DetectorSpec, devices: Sequence[Device]) -> list[Doubt]:
    if not devices:
        return []
    found = [
        Doubt("no_stream", spec.name, f"select[{place}]")
        for place, selector in enumerate(spec.select)
        if not any(selector.matches(device, metric) for device in devices for metric in device.metrics)
    ]
    return [Doubt("no_stream_at_all", spec.name)] if found and len(found) == len(spec.select) else found
