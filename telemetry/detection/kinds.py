"""The kinds of detector there are, by name, with the parameters each takes."""

from __future__ import annotations

import msgspec

from telemetry.detection.health import JumpsParams
from telemetry.detection.params import LimitsParams, SeasonalParams, SilenceParams, StuckParams

KINDS: dict[str, type[msgspec.Struct]] = {
    "jumps": JumpsParams,
    "limits": LimitsParams,
    "seasonal": SeasonalParams,
    "silence": SilenceParams,
    "stuck": StuckParams,
}
"""Their makers stand under the same names in `analytics.detectors.DETECTORS`."""
