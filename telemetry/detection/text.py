"""A configuration as TOML for people: what is said, not what is usual anyway."""

from __future__ import annotations

from typing import Any

import msgspec
import tomli_w

from telemetry.detection.configuration import Configuration, DetectorSpec

_WIDTH = 100


def to_toml(configuration: Configuration) -> str:
    """TOML that `decode_configuration` reads back as the same configuration."""
    return "\n".join(_written(spec) for spec in configuration.detector)


def _written(spec: DetectorSpec) -> str:
    # Each alone: the writer would put a list of small tables on one line.
    text = _folded(tomli_w.dumps({"detector": _table(spec)}))
    return text.replace("[detector]", "[[detector]]", 1)


def _folded(text: str) -> str:
    """Short lists on one line; the writer gives every entry its own."""
    lines: list[str] = []
    first = -1
    for line in text.splitlines():
        lines.append(line)
        if line.endswith(" = ["):
            first = len(lines) - 1
        elif line == "]" and first >= 0:
            entries = [entry.strip().removesuffix(",") for entry in lines[first + 1 : -1]]
            folded = f"{lines[first]}{', '.join(entries)}]"
            if len(folded) <= _WIDTH:
                lines[first:] = [folded]
            first = -1
    return "\n".join(lines) + "\n"


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
