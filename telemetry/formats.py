"""From a topic to its codec: the city's own topics, and those of the settings."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from telemetry.codecs import Codec, make_codec
from telemetry.codecs.sparkplug import Sparkplug, rebirth_command
from telemetry.devices import device_id_of
from telemetry.errors import ConfigError, TopicError
from telemetry.patterns import Template, TopicPattern
from telemetry.settings import Format
from telemetry.topics import SUBSCRIPTIONS, Topic, parse_topic

_REBIRTH_EVERY_US = 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message goes: with a ``city``, as CityOps JSON; otherwise to the ``codec``.

    ``device_id`` is what the topic says, empty where it says nothing.
    """

    city: Topic | None
    codec: Codec | None
    device_id: str


class _Format:
    """One format on its topics."""

    def __init__(self, format_: Format) -> None:
        self.pattern = TopicPattern(format_.topic)
        self.codec = make_codec(format_)
        self._device = Template(format_.device)
        named = self._device.names <= set(self.pattern.names) and bool(self._device.names)
        if format_.device != "{device}" and not named and not isinstance(self.codec, Sparkplug):
            raise ConfigError(
                f"ingest.formats: device {format_.device!r} is not in topic {format_.topic!r}",
                cure="name the levels of the topic: plant/{site}/{device}",
            )
        self._named = named and not isinstance(self.codec, Sparkplug)

    def route(self, topic: str) -> Route | None:
        named = self.pattern.match(topic)
        if named is None:
            return None
        return Route(None, self.codec, device_id_of(self._device.fill(named)) if self._named else "")


class Formats:
    """Every format that is set, and the memory of those that have one.

    Not for two threads at once. The city's own topics come first, then the settings in
    their order.
    """

    def __init__(self, formats: Sequence[Format] = ()) -> None:
        self._formats = [_Format(format_) for format_ in formats]
        self._sparkplugs = [f.codec for f in self._formats if isinstance(f.codec, Sparkplug)]
        self._asked: dict[tuple[str, str], int] = {}
        self.subscriptions = tuple(
            dict.fromkeys((*SUBSCRIPTIONS, *(f.pattern.subscription for f in self._formats)))
        )
        self.route = lru_cache(maxsize=100_000)(self._route)

    def _route(self, topic: str) -> Route:
        """Where a message on a topic goes.

        Raises
        ------
        PayloadError
            `TopicError` for a topic that nobody set; ``device`` where its device has no usable name.
        """
        try:
            city = parse_topic(topic)
        except TopicError:
            for format_ in self._formats:
                route = format_.route(topic)
                if route is not None:
                    return route
            raise
        return Route(city, None, city.device_id)

    def snapshot(self) -> list[object]:
        """What the codecs remember now: a batch that must be decoded again starts from here."""
        return [codec.snapshot() for codec in self._sparkplugs]

    def restore(self, snapshot: Sequence[object]) -> None:
        """Let the codecs remember again what a `snapshot` holds."""
        for codec, held in zip(self._sparkplugs, snapshot, strict=True):
            codec.restore(held)

    @contextmanager
    def aside(self) -> Generator[None]:
        """Decode old messages with what is remembered now, and remember nothing of them after."""
        before = self.snapshot()
        missed = [set(codec.births_missed) for codec in self._sparkplugs]
        try:
            yield
        finally:
            self.restore(before)
            for codec, nodes in zip(self._sparkplugs, missed, strict=True):
                codec.births_missed.intersection_update(nodes)

    def requests(self, now_us: int) -> list[tuple[str, bytes]]:
        """Messages to be published: births that were missed, each asked for once a minute."""
        asked = self._asked = {n: at for n, at in self._asked.items() if now_us - at < _REBIRTH_EVERY_US}
        missed = {node for codec in self._sparkplugs for node in codec.births_missed}
        for codec in self._sparkplugs:
            codec.births_missed.clear()
        due = sorted(node for node in missed if node not in asked)
        asked.update(dict.fromkeys(due, now_us))
        return [rebirth_command(node) for node in due]
