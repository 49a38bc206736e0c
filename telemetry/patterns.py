"""Topic patterns: MQTT filters whose levels can be named."""

from __future__ import annotations

import re
from collections.abc import Mapping

from telemetry.errors import ConfigError

_NAMED = re.compile(r"\{([a-z][a-z_]{0,31})\}")


class TopicPattern:
    """An MQTT topic filter in which ``{name}`` is a ``+`` that is remembered.

    ``names`` are the named levels; ``subscription`` is the filter as the broker takes it
    (MQTT 5 §4.7).
    """

    def __init__(self, text: str) -> None:
        self._levels = text.split("/")
        self.names = tuple(m[1] for level in self._levels if (m := _NAMED.fullmatch(level)))
        self._check(text)
        self._open = self._levels[-1] == "#"
        self.subscription = "/".join("+" if _NAMED.fullmatch(level) else level for level in self._levels)

    def _check(self, text: str) -> None:
        for i, level in enumerate(self._levels):
            last = i == len(self._levels) - 1
            wild = level in ("+", "#") or _NAMED.fullmatch(level)
            if (level == "#" and not last) or (not wild and any(c in level for c in "+#{}\x00")):
                raise ConfigError(
                    f"ingest.formats: {level!r} in topic {text!r}",
                    cure="a level is plain text, +, {name}, or # at the end",
                )
        if not text or text.startswith("$") or len(set(self.names)) != len(self.names):
            raise ConfigError(f"ingest.formats: topic {text!r}", cure="name every level at most once")

    def match(self, topic: str) -> dict[str, str] | None:
        """The named levels of a topic, or ``None`` where it does not match."""
        parts = topic.split("/")
        levels = self._levels[:-1] if self._open else self._levels
        if len(parts) < len(levels) or (len(parts) > len(levels) and not self._open):
            return None
        named: dict[str, str] = {}
        for level, part in zip(levels, parts, strict=False):
            if name := _NAMED.fullmatch(level):
                named[name[1]] = part
            elif level not in ("+", part):
                return None
        return named


class Template:
    """A text with ``{name}`` in it, to be filled from named levels."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.names = frozenset(_NAMED.findall(text))

    def fill(self, named: Mapping[str, str]) -> str:
        """The text with its names replaced; every one must be there."""
        return _NAMED.sub(lambda match: named[match[1]], self._text)
