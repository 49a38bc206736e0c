"""The topic contract: ``city/{domain}/{device_id}/{leaf}``. See ``docs/mqtt.md``."""

from __future__ import annotations

from dataclasses import dataclass

from telemetry.devices import DEVICE_ID
from telemetry.errors import TopicError
from telemetry.metrics import CITY_DOMAINS, Domain

ROOT = "city"
TELEMETRY = "telemetry"
STATUS = "status"
KEPT = "kept"
SUBSCRIPTIONS = (f"{ROOT}/+/+/{TELEMETRY}", f"{ROOT}/+/+/{STATUS}")

_DOMAINS = {str(domain): domain for domain in CITY_DOMAINS}
_LEAVES = frozenset((TELEMETRY, STATUS))


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of the contract, taken apart."""

    domain: Domain
    device_id: str
    leaf: str


def parse_topic(topic: str) -> Topic:
    """Take a topic apart; `TopicError` where it is not of the contract."""
    parts = topic.split("/")
    if len(parts) != 4 or parts[0] != ROOT or parts[3] not in _LEAVES:
        raise TopicError(topic)
    domain = _DOMAINS.get(parts[1])
    if domain is None or DEVICE_ID.fullmatch(parts[2]) is None:
        raise TopicError(topic)
    return Topic(domain, parts[2], parts[3])


def telemetry_topic(domain: Domain, device_id: str) -> str:
    """Where a device publishes its readings."""
    return f"{ROOT}/{domain}/{device_id}/{TELEMETRY}"


def status_topic(domain: Domain, device_id: str) -> str:
    """Where a device says it is ``online`` (retained; ``offline`` is its last will)."""
    return f"{ROOT}/{domain}/{device_id}/{STATUS}"


def may_answer(topic: str, response_topic: str) -> bool:
    """Whether a message on ``topic`` may ask for its answer on ``response_topic``.

    Only the device's own ``city/{domain}/{device_id}/kept``: else whoever may publish anything could
    have us publish anywhere.
    """
    own, _, leaf = topic.rpartition("/")
    return leaf in _LEAVES and topic.startswith(f"{ROOT}/") and response_topic == f"{own}/{KEPT}"
