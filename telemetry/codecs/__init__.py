"""What real devices send: one module a format, chosen by topic in the settings."""

from telemetry.codecs.contract import Arrival, Codec, DeviceSample
from telemetry.codecs.registry import CODECS, make_codec

__all__ = ["CODECS", "Arrival", "Codec", "DeviceSample", "make_codec"]
