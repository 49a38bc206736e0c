"""From messages to readings: what is good goes on, what is not says why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ingest.catalog import Catalog, Known
from ingest.message import Message
from ingest.plain import PlainDecoder
from store.quarantine import Refusal
from telemetry.codecs import Arrival, Codec, DeviceSample
from telemetry.errors import PayloadError
from telemetry.formats import Formats, Route
from telemetry.payloads import Sample, decode
from telemetry.readings import Quality, Readings
from telemetry.settings import Ingest
from telemetry.topics import STATUS, Topic

_DAY_US = 86_400_000_000
_STATUSES = {b"online": "online", b"offline": "offline"}


@dataclass(slots=True)
class Decoded:
    """What a batch of messages holds, as columns, with what was refused of it."""

    stream_ids: list[int] = field(default_factory=list[int])
    times: list[int] = field(default_factory=list[int])
    values: list[float] = field(default_factory=list[float])
    qualities: list[int] = field(default_factory=list[int])
    refusals: list[Refusal] = field(default_factory=list[Refusal])
    refused: list[int] = field(default_factory=list[int])
    """For each refusal, which message of the batch it is."""

    statuses: dict[str, str] = field(default_factory=dict[str, str])
    messages: dict[str, int] = field(default_factory=dict[str, int])
    """Deliveries by device id; ``""`` for those of no known device."""

    ends: list[int] = field(default_factory=list[int])
    """After each message, how many readings there were."""

    strangers: bool = False
    """Whether a message named a device or a metric that is not registered."""

    _arrays: Readings | None = None

    @property
    def readings(self) -> Readings:
        """The good readings, as arrays; made once, so ask when all are there."""
        if self._arrays is None:
            self._arrays = Readings.of(self.stream_ids, self.times, self.values, self.qualities)
        return self._arrays


def decode_messages(
    messages: Iterable[Message], catalog: Catalog, limits: Ingest, formats: Formats | None = None
) -> Decoded:
    """Decode a batch against the catalog; without ``formats``, the city's own topics alone.

    A message is used as far as it is good: with one impossible value in it the other
    metrics are stored, and the whole message goes to quarantine beside them.
    """
    decoded = Decoded()
    plain = PlainDecoder(limits, decoded.stream_ids, decoded.times, decoded.values, decoded.qualities)
    find_route = (formats or Formats()).route
    for place, message in enumerate(messages):
        device_id = said = ""
        try:
            route = find_route(message.topic)
            said = route.device_id
            if route.city is not None:
                known = _known(route.city, catalog)
                device_id = route.device_id
                if route.city.leaf == STATUS or not plain.take(
                    message.payload, message.received_at, known.channels
                ):
                    _decode_one(message, route.city, known, limits, decoded)
            elif route.codec is not None:
                device_id = route.device_id if catalog.find(route.device_id) else ""
                samples = _decode_foreign(message, route, route.codec)
                device_id = device_id or _first_known(samples, catalog)
                _use_foreign(samples, message, catalog, limits, decoded)
        except PayloadError as error:
            if not device_id and catalog.find(error.device_id) is not None:
                device_id = error.device_id
            decoded.strangers |= error.reason in ("device", "metric")
            claimed = error.device_id or device_id or said
            decoded.refusals.append(_refusal(message, device_id, claimed, error))
            decoded.refused.append(place)
        decoded.ends.append(len(decoded.times))
        decoded.messages[device_id] = decoded.messages.get(device_id, 0) + 1
    return decoded


def _known(topic: Topic, catalog: Catalog) -> Known:
    known = catalog.find(topic.device_id)
    if known is None:
        raise _stranger(topic.device_id)
    if known.domain is not topic.domain:
        raise PayloadError("device", f"{topic.device_id!r} belongs to {known.domain}, not {topic.domain}")
    return known


def _decode_one(message: Message, topic: Topic, known: Known, limits: Ingest, decoded: Decoded) -> None:
    if topic.leaf == STATUS:
        decoded.statuses[topic.device_id] = _status(message.payload)
        return
    samples = decode(message.payload)
    problems: list[PayloadError] = []
    for sample in samples:
        try:
            time, quality = _time(sample, len(samples), message.received_at, limits)
        except PayloadError as error:
            problems.append(error)
            continue
        _append(sample.values, time, quality, known, decoded, problems)
    if problems:
        raise _summed_up(problems)


def _decode_foreign(message: Message, route: Route, codec: Codec) -> list[DeviceSample]:
    return codec.decode(message.payload, Arrival(message.topic, route.device_id, message.received_at))


def _first_known(samples: Sequence[DeviceSample], catalog: Catalog) -> str:
    return next((s.device_id for s in samples if catalog.find(s.device_id)), "")


def _use_foreign(
    samples: Sequence[DeviceSample], message: Message, catalog: Catalog, limits: Ingest, decoded: Decoded
) -> None:
    problems: list[PayloadError] = []
    for sample in samples:
        known = catalog.find(sample.device_id)
        if known is None:
            problems.append(_stranger(sample.device_id))
            continue
        problems.extend(sample.problems)
        if sample.status:
            decoded.statuses[sample.device_id] = sample.status
        try:
            # A codec has seen to it that samples beside others have a time; the rest came just now.
            time, quality = _time(sample, 1, message.received_at, limits)
        except PayloadError as error:
            problems.append(error)
            continue
        if sample.from_arrival:
            quality = int(Quality.ARRIVAL_TIME)
        beside = {metric: v for metric, v in sample.incidental.items() if metric in known.channels}
        _append({**sample.values, **beside}, time, quality, known, decoded, problems)
    if problems:
        raise _summed_up(problems)


def _summed_up(problems: Sequence[PayloadError]) -> PayloadError:
    # A device that is not registered goes before other faults: its message waits for it.
    first = next((problem for problem in problems if problem.reason == "device"), problems[0])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return PayloadError(first.reason, f"{first.message}{more}", device_id=first.device_id)


def _stranger(device_id: str) -> PayloadError:
    return PayloadError("device", f"no device {device_id!r} is registered", device_id=device_id)


def _append(
    values: Mapping[str, float],
    time: int,
    quality: int,
    known: Known,
    decoded: Decoded,
    problems: list[PayloadError],
) -> None:
    for metric, value in values.items():
        channel = known.channels.get(metric)
        if channel is None:
            problems.append(PayloadError("metric", f"the device has no metric {metric!r}"))
        elif not channel.low <= value <= channel.high:
            detail = f"{metric} = {value:g} is outside {channel.low:g} … {channel.high:g}"
            problems.append(PayloadError("range", detail))
        else:
            decoded.stream_ids.append(channel.stream_id)
            decoded.times.append(time)
            decoded.values.append(value)
            decoded.qualities.append(quality)


def _time(sample: Sample, n_samples: int, received_at: int, limits: Ingest) -> tuple[int, int]:
    time = sample.time
    if time is None:
        if n_samples > 1:
            raise PayloadError("time", "an object in an array needs its own ts")
        return received_at, int(Quality.ARRIVAL_TIME)
    age_us = received_at - time
    if age_us < -limits.future_tolerance_s * 1e6:
        raise PayloadError("time", f"ts is {-age_us / 1e6:.0f} s in the future")
    if age_us > limits.oldest_days * _DAY_US:
        raise PayloadError("time", f"ts is {age_us / _DAY_US:.0f} days old")
    return time, int(Quality.LATE if age_us > limits.late_after_s * 1e6 else Quality.GOOD)


def _status(payload: bytes) -> str:
    word = _STATUSES.get(payload.strip().strip(b'"').lower())
    if word is None:
        raise PayloadError("status", "a status is the word online or offline")
    return word


def _refusal(message: Message, device_id: str, claimed: str, error: PayloadError) -> Refusal:
    return Refusal(
        at=datetime.fromtimestamp(message.received_at / 1e6, UTC),
        device_id=device_id,
        topic=message.topic,
        payload=message.payload,
        reason=error.reason,
        detail=error.message,
        claimed=claimed,
    )
