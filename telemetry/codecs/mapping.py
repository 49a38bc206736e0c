"""Any other JSON: paths of the settings say where the readings are."""

from __future__ import annotations

from telemetry.codecs.contract import Arrival, DeviceSample, check_count, check_usable
from telemetry.codecs.documents import Document, Path, decode_json
from telemetry.codecs.identity import Identity
from telemetry.codecs.naming import checked, measure
from telemetry.codecs.times import TimeSource
from telemetry.errors import ConfigError, PayloadError
from telemetry.settings import Format


class Mapping:
    """``readings`` is the list of paths; ``each`` the array of records that they start at.

    A path with nothing or ``null`` at its end is a sensor that said nothing. A record without
    any reading is passed over; a message without one is refused.
    """

    def __init__(self, format_: Format) -> None:
        if not format_.readings or not all(field.path for field in format_.readings):
            raise ConfigError(
                f"ingest.formats: mapping on {format_.topic!r} reads nothing",
                cure="give readings, each with a path and a metric",
            )
        self._fields = [(Path(field.path), checked(field)) for field in format_.readings]
        self._each = Path(format_.each) if format_.each else None
        self._identity = Identity(format_)
        self._times = TimeSource(format_)
        for text in (*(field.path for field in format_.readings), format_.device_path, format_.time_path):
            if Path(text).many:
                raise ConfigError(f"ingest.formats: [*] in path {text!r}", cure="[*] belongs into each")

    def decode(self, payload: bytes, arrival: Arrival) -> list[DeviceSample]:
        """As `Codec.decode`."""
        message = decode_json(payload)
        records = [message] if self._each is None else self._each.find_all(message)
        check_count(len(records), "records")
        samples: list[DeviceSample] = []
        for record in records:
            values, problems = self._values(record, message)
            if values or problems:
                time = self._time(record, message, alone=len(records) == 1)
                name = self._identity.of(record, message, arrival)
                samples.append(DeviceSample(time, values, name, problems=problems))
        if not samples:
            raise PayloadError("shape", "no reading in the message")
        check_usable(samples)
        return samples

    def _values(self, record: Document, message: Document) -> tuple[dict[str, float], list[PayloadError]]:
        values: dict[str, float] = {}
        problems: list[PayloadError] = []
        for path, field in self._fields:
            value = path.find(message if path.absolute else record)
            if value is None:
                continue
            try:
                values.setdefault(field.metric, measure(field, value))
            except PayloadError as error:
                problems.append(error)
        return values, problems

    def _time(self, record: Document, message: Document, *, alone: bool) -> int | None:
        time = self._times.read(record, message)
        if time is None and not alone:
            raise PayloadError("time", "a record among others needs its own time")
        return time
