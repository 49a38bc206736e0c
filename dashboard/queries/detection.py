"""What is asked of the detectors' configuration: by the page and over the interface alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from store import detection, services
from store.detection import Activation, Version
from store.devices import list_devices
from telemetry.city import City
from telemetry.detection import Configuration
from telemetry.detection.changes import Change, changes
from telemetry.detection.inspection import Doubt, examine
from telemetry.devices import Device
from telemetry.errors import ConfigError, NotFoundError


@dataclass(frozen=True, slots=True)
class Running:
    """What analytics says of the detectors: the version it runs, and what is wrong with another."""

    version: int | None
    next_version: int | None
    fault: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a configuration would change, and what in it is probably not meant."""

    configuration: Configuration
    doubts: Sequence[Doubt]
    changes: Sequence[Change]
    based_on: int | None


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything the page shows. ``configuration`` is that in force, empty where it cannot be used."""

    active: int | None
    configuration: Configuration
    fault: str
    running: Running
    versions: Sequence[Version]
    activations: Sequence[Activation]
    devices: Sequence[Device]


def read_picture(conn: psycopg.Connection) -> Picture:
    """Versions, what is in force, and the devices it speaks of."""
    active = detection.active_version(conn)
    configuration, fault = usable(conn, active)
    return Picture(
        active,
        configuration,
        fault,
        read_running(conn),
        detection.list_versions(conn),
        detection.list_activations(conn, 1_000),
        list_devices(conn),
    )


def usable(conn: psycopg.Connection, version: int | None) -> tuple[Configuration, str]:
    """What a version says; nothing and why, where it cannot be used."""
    if version is None:
        return Configuration(), ""
    try:
        return detection.get_version(conn, version).configuration(), ""
    except ConfigError as error:
        return Configuration(), error.message


def read_running(conn: psycopg.Connection) -> Running:
    """What the analytics processes last said; of several, the one that is furthest behind."""
    said = [one.detail for one in services.list_services(conn) if one.name.partition(" ")[0] == "analytics"]
    numbers = [number for one in said if isinstance(number := one.get("configuration"), int)]
    following = [number for one in said if isinstance(number := one.get("configuration_next"), int)]
    faults = [str(one["configuration_fault"]) for one in said if one.get("configuration_fault")]
    return Running(min(numbers, default=None), max(following, default=None), next(iter(faults), ""))


def check(conn: psycopg.Connection, city: City, configuration: Configuration) -> Checked:
    """Check against the city and compare with what is in force; `ConfigError` names the key."""
    doubts = examine(configuration, [zone.code for zone in city.zones], list_devices(conn))
    active = detection.active_version(conn)
    before, _ = usable(conn, active)
    return Checked(configuration, doubts, changes(before, configuration), active)


def offered(versions: Sequence[Version], activations: Sequence[Activation]) -> Version | None:
    """The newest version of the city's profile, where nobody has put it in force yet."""
    former = {activation.version for activation in activations}
    newest = next((one for one in versions if one.author.startswith(detection.PROFILE)), None)
    return None if newest is None or newest.version in former else newest


def one_detector(conn: psycopg.Connection, name: str) -> tuple[Configuration, list[Device]]:
    """The configuration in force and the devices, where it has a detector of this name."""
    configuration, _ = usable(conn, detection.active_version(conn))
    if name not in {spec.name for spec in configuration.detector}:
        raise NotFoundError("detector", name)
    return configuration, list_devices(conn)
