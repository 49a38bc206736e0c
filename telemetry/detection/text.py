"""A configuration as TOML for people: what is said, not what is usual anyway."""

from __future__ import annotations

from typing import Any

import msgspec
import tomli_w

from telemetry.detection.configuration import Configuration, DetectorSpec


def to_toml(configuration: Configuration) -> str:
    """TOML that `decode_configuration` reads back as the same configuration."""
    tables = [_table(spec) for spec in configuration.detector]
    return tomli_w.dumps({"detector": tables}) if tables else ""


def _table(spec: DetectorSpec) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(spec)
    select = [{key: value for key, value in one.items() if value} for one in plain["select"]]
    table: dict[str, Any] = {"name": spec.name, "kind": spec.kind}
    if not spec.enabled:
        table["enabled"] = False
    if plain["params"]:
        table["params"] = plain["params"]
    if select:
        table["select"] = select
    return table
