"""CityOps JSON on topics other than the city's own."""

from __future__ import annotations

from telemetry.codecs.contract import Arrival, DeviceSample
from telemetry.errors import ConfigError, PayloadError
from telemetry.payloads import decode
from telemetry.settings import Format


class CityopsJson:
    """The payload of ``telemetry.payloads``; the topic must say which device it is."""

    def __init__(self, format_: Format) -> None:
        if format_.device_path or format_.metrics:
            raise ConfigError(
                "ingest.formats: cityops_json takes neither device_path nor metrics",
                cure="use the format mapping for other JSON",
            )

    def decode(self, payload: bytes, arrival: Arrival) -> list[DeviceSample]:
        """As `Codec.decode`."""
        if not arrival.device_id:
            raise PayloadError("device", "the topic names no device")
        samples = decode(payload)
        if len(samples) > 1 and any(sample.time is None for sample in samples):
            raise PayloadError("time", "an object in an array needs its own ts")
        return [DeviceSample(sample.time, sample.values, arrival.device_id) for sample in samples]
