"""Which detector watches which streams, with which parameters: the words of it, without the detectors."""

from __future__ import annotations

from telemetry.detection.configuration import Configuration, DetectorSpec, decode_configuration
from telemetry.detection.kinds import KINDS
from telemetry.detection.selectors import Selector

__all__ = ["KINDS", "Configuration", "DetectorSpec", "Selector", "decode_configuration"]
