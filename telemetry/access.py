"""Which topics are a device's own: what its account at the broker may do. Pure.

A device publishes its readings and its status and hears its commands; nothing else. It may
not hear what it publishes: a queue that a device can fill but need not empty would be the
broker's memory at its mercy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telemetry.devices import DEVICE_ID, Device, device_id_of
from telemetry.errors import ConfigError, PayloadError
from telemetry.patterns import TopicPattern
from telemetry.settings import Format
from telemetry.topics import KEPT, ROOT, SUBSCRIPTIONS, status_topic, telemetry_topic

SERVICE_PREFIX = "cityops-"
"""Names of the platform's own accounts begin so, and no device's does."""
GATEWAY_PREFIX = f"{SERVICE_PREFIX}gateway-"
"""Gateways' accounts: so named, they never stand in a device's way, nor a device in theirs."""
SPARKPLUG_ROOT = "spBv1.0"
SIMULATOR_TOPICS = "cityops-sim/silence/+"

_NODE_MESSAGES = ("NBIRTH", "NDATA", "NDEATH")
_DEVICE_MESSAGES = ("DBIRTH", "DDATA", "DDEATH")


@dataclass(frozen=True, slots=True)
class Grants:
    """Topic filters an account may publish to, and those it may subscribe to and receive."""

    publish: tuple[str, ...]
    receive: tuple[str, ...] = ()


def check_account_name(device_id: str, ingestor: str) -> str:
    """The device id, where an account may be called so.

    Raises
    ------
    ConfigError
        Where it is no device id, or is the name of an account or a session of the platform.
    """
    if DEVICE_ID.fullmatch(device_id) is None:
        raise ConfigError(
            f"{device_id!r} is no device id",
            cure="use 1 to 64 of A–Z a–z 0–9 _ . -, beginning with a letter or a digit",
        )
    # A session belongs to whoever connects with its client id, and a device's is its own id.
    if device_id.startswith(SERVICE_PREFIX) or device_id == ingestor:
        raise ConfigError(f"{device_id!r} is a name of the platform's own", cure="choose another device id")
    return device_id


def device_grants(device: Device, formats: Sequence[Format] = ()) -> Grants:
    """A device's own topics: the city's, and of the formats those that the device's id tells.

    A format whose device is named in the message rather than in the topic, or whose topic has
    room for other devices, grants nothing: there a topic is not one device's own.
    """
    domain, device_id = device.domain, device.device_id
    publish = [telemetry_topic(domain, device_id), status_topic(domain, device_id)]
    receive = [f"{ROOT}/{domain}/{device_id}/command/#", f"{ROOT}/{domain}/{device_id}/{KEPT}"]
    for format_ in formats:
        own = (
            _sparkplug(format_, device_id)
            if format_.format == "sparkplug_b"
            else _foreign(format_, device_id)
        )
        publish += own.publish
        receive += own.receive
    return Grants(tuple(dict.fromkeys(publish)), tuple(dict.fromkeys(receive)))


def _foreign(format_: Format, device_id: str) -> Grants:
    names = TopicPattern(format_.topic).names
    told = format_.device == "{device}" and "device" in names and not format_.device_path
    if not told or not _is_its_own_name(device_id):
        return Grants(())
    levels = [
        device_id if level == "{device}" else "+" if level.startswith("{") else level
        for level in format_.topic.split("/")
    ]
    return Grants(("/".join(levels),))


def _sparkplug(format_: Format, device_id: str) -> Grants:
    """A node's own messages; those of the devices below it where their ids say whose they are."""
    group = format_.topic.split("/")[1] if format_.topic.count("/") else "+"
    if group in ("#", "+") or group.startswith("{"):
        group = "+"
    node = f"{SPARKPLUG_ROOT}/{group}"
    publish = [f"{node}/{kind}/{device_id}" for kind in _NODE_MESSAGES]
    if format_.device.startswith("{node}."):
        publish += [f"{node}/{kind}/{device_id}/+" for kind in _DEVICE_MESSAGES]
    return Grants(tuple(publish), (f"{node}/NCMD/{device_id}", f"{node}/DCMD/{device_id}/+"))


def _is_its_own_name(device_id: str) -> bool:
    try:
        return device_id_of(device_id) == device_id
    except PayloadError:
        return False


def ingest_grants(subscriptions: Sequence[str]) -> Grants:
    """What ingest needs: to hear every device, to say what is kept, and to ask Sparkplug nodes for births."""
    shared = tuple(f"$share/+/{topic}" for topic in subscriptions)
    return Grants((f"{SPARKPLUG_ROOT}/+/NCMD/+", f"{ROOT}/+/+/{KEPT}"), (*subscriptions, *shared))


def simulator_grants() -> Grants:
    """What the simulator needs: as a gateway it speaks for every device, and hears who is silenced."""
    return Grants((*SUBSCRIPTIONS, SIMULATOR_TOPICS), (SIMULATOR_TOPICS,))


def gateway_grants(topics: Sequence[str], subscriptions: Sequence[str]) -> Grants:
    """What a gateway may do: publish for many devices, registered or not, where ingest listens.

    Raises
    ------
    ConfigError
        Where no topic is given, or one is no filter or reaches beyond what ingest hears.
    """
    cure = f"stay within what ingest hears: {', '.join(subscriptions)}"
    if not topics:
        raise ConfigError("a gateway needs a topic", cure=cure)
    for topic in topics:
        levels = topic.split("/")
        is_filter = all(
            level == "+" or (level == "#" and place == len(levels) - 1) or not set(level) & set("+#\x00")
            for place, level in enumerate(levels)
        )
        if not is_filter or not any(_covers(heard.split("/"), levels) for heard in subscriptions):
            raise ConfigError(f"a gateway may not publish to {topic!r}", cure=cure)
    return Grants(tuple(dict.fromkeys(topics)))


def _covers(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    """Whether every topic that matches the filter ``narrow`` matches ``wide``."""
    for place, level in enumerate(wide):
        if level == "#":
            return True
        if place == len(narrow) or narrow[place] == "#" or level not in ("+", narrow[place]):
            return False
    return len(wide) == len(narrow)
