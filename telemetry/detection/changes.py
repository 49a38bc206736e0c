"""What differs between two configurations, detector by detector and key by key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from telemetry.detection.configuration import Configuration, DetectorSpec


@dataclass(frozen=True, slots=True)
class Change:
    """One key of one detector, before and after.

    Without a ``key`` it is the whole detector that came (``before`` is ``None``) or went
    (``after`` is ``None``).
    """

    detector: str
    key: str
    before: Any
    after: Any


def alike(one: DetectorSpec, other: DetectorSpec) -> bool:
    """Whether two do the same on the same streams: kind, selectors and parameters, defaults filled in."""
    return one.kind == other.kind and one.select == other.select and one.parameters() == other.parameters()


def unchanged(one: DetectorSpec, other: DetectorSpec) -> bool:
    """Whether a detector may keep its memory: the same name, and `alike`."""
    return one.name == other.name and alike(one, other)


def changes(before: Configuration, after: Configuration) -> list[Change]:
    """From one configuration to another, in the order of the latter; what went comes last."""
    old = {spec.name: spec for spec in before.detector}
    new = {spec.name: spec for spec in after.detector}
    found: list[Change] = []
    for name, spec in new.items():
        if name in old:
            found += _between(old[name], spec)
        else:
            found.append(Change(name, "", None, _whole(spec)))
    return found + [Change(name, "", _whole(old[name]), None) for name in old if name not in new]


def _between(before: DetectorSpec, after: DetectorSpec) -> list[Change]:
    one, other = _flat(before), _flat(after)
    keys = [*other, *(key for key in one if key not in other)]
    return [
        Change(after.name, key, one.get(key), other.get(key))
        for key in keys
        if one.get(key) != other.get(key)
    ]


def _flat(spec: DetectorSpec) -> dict[str, Any]:
    plain = _plain(spec)
    params = {f"params.{name}": value for name, value in plain.pop("params").items()}
    return {**plain, **params}


def _whole(spec: DetectorSpec) -> dict[str, Any]:
    plain = _plain(spec)
    usual: dict[str, Any] = {"select": [], "params": {}, "enabled": True}
    return {key: value for key, value in plain.items() if key != "name" and usual.get(key) != value}


def _plain(spec: DetectorSpec) -> dict[str, Any]:
    """The keys that say something: no empty lists in selectors."""
    plain: dict[str, Any] = msgspec.to_builtins(spec)
    plain["select"] = [{key: value for key, value in one.items() if value} for one in plain["select"]]
    return plain
