"""The kinds of detector there are, by name, with the parameters each takes."""

from __future__ import annotations

import msgspec

from telemetry.detection.health import DriftParams, JumpsParams
from telemetry.detection.params import LimitsParams, SilenceParams, StuckParams
from telemetry.detection.seasonal import SeasonalParams
from telemetry.detection.subspace import SubspaceParams

KINDS: dict[str, type[msgspec.Struct]] = {
    "drift": DriftParams,
    "jumps": JumpsParams,
    "limits": LimitsParams,
    "seasonal": SeasonalParams,
    "silence": SilenceParams,
    "stuck": StuckParams,
    "subspace": SubspaceParams,
}
"""Their makers stand under the same names in `analytics.detectors.DETECTORS`."""
