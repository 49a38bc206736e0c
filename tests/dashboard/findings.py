"""Findings as the detectors write them, one of each kind: what an engine found in a simulated city."""

from __future__ import annotations

from typing import Any

_LIMIT = {"name_vi": "Mực nước đạt báo động III", "name_en": "Water level at alarm III"}

FINDINGS: dict[str, dict[str, Any]] = {
    "limit:air_24h": {
        "threshold": "air-pm2-5-24h", "direction": "high", "limit": 45.0, "clear": 42.8,
        "averaging_s": 86400.0, "peak_score": 49.1, "reading": 26.77, "raise_at": 45.0,
    },
    "forecast:tide": _LIMIT
    | {
        "threshold": "level-phu-an-bd3", "direction": "high", "limit": 1.6, "averaging_s": 0.0,
        "peak_score": 0.99, "raise_at": 0.9, "probability": 0.99,
    },
    "rate:level_rise": {
        "rate": "level-rise", "limit_per_h": 1.0, "direction": "rise", "over_s": 900.0,
        "name_vi": "Mực nước dâng nhanh", "name_en": "Water rising fast", "per_h": 1.12, "raise_at": 1.0,
    },
    "onset": {
        "peak_score": 0.532, "raise_at": 0.5, "value": 0.73, "residual": 0.16, "shock": 0.0, "season": 0.12,
    },
    "seasonal": {"peak_score": 12.7, "raise_at": 10.0, "expected": 25.5, "spread": 3.2, "z": 12.7},
    "subspace": {
        "peak_score": 12.4, "raise_at": 8.0, "expected": 32.4, "window_step_s": 300.0,
        "window": [16.4, None, 16.2, 14.9, 54.6], "reconstruction": [13.4, 13.6, 14.2, 14.9, 16.0],
    },
    "groups": {
        "group": "device=air-quan-1", "chart": "mewma", "peak_score": 16.2, "raise_at": 12.0,
        "members_heard": 3, "contributions": [
            {"device_id": "air-quan-1", "metric": "pm2_5", "share": 0.44, "value": 56.8,
             "expected_low": 24.0, "expected_high": 36.0, "z": 4.1},
            {"device_id": "air-quan-3", "metric": "pm10", "share": 0.42, "value": 84.6,
             "expected_low": 44.1, "expected_high": 64.3, "z": 9.0},
        ],
    },
    "vn_aqi": {
        "limit": 151.0, "peak_score": 156.0, "raise_at": 151.0, "index": 156.0, "category": "bad",
        "dominant": "pm2_5", "part_pm2_5": 156.0, "part_pm10": 100.0, "part_o3": 5.0,
    },
    "drift": {
        "peak_score": 12.3, "raise_at": 8.0, "expected": 39.7, "z": 12.3, "neighbours_z": 0.87,
        "neighbours": ["air-quan-3", "air-quan-5", "no-longer-there"],
    },
    "silence": {
        "device_id": "air-quan-1", "peak_score": 1.04, "raise_at": 1.0,
        "silent_s": 188.0, "allowed_s": 180.0,
    },
    "stuck": {"peak_score": 1.02, "raise_at": 1.0, "lasted_s": 1680.0, "usual_s": 660.0, "repeats": 29.0},
    "offset": {"peak_score": 1.0, "raise_at": 1.0, "lasted_s": 120.0, "before": 30.0, "usual_step": 0.0014},
    "spike": {"peak_score": 2.0, "raise_at": 1.5, "lasted_s": 2820.0, "before": None, "usual_step": 1.63},
    "noisy": {"peak_score": 19.9, "raise_at": 8.0, "lasted_s": 1800.0, "before": None, "usual_step": 0.025},
    "implausible": {"peak_score": 1.0, "raise_at": 1.0, "lasted_s": 0.0, "before": None, "usual_step": 0.09},
}  # fmt: skip
"""Details by rule, without what says nothing to a page."""


def forecast_times(now_ms: float) -> dict[str, Any]:
    """The fan of an early warning made at this moment, and when its limit is passed."""
    times = [now_ms + 900_000 * step for step in range(1, 9)]
    median = [0.9 + 0.1 * step for step in range(1, 9)]
    ends = {"likely_ms": times[6], "earliest_ms": times[5], "latest_ms": times[7]}
    curves = {"low": [m - 0.1 for m in median], "median": median, "high": [m + 0.1 for m in median]}
    return ends | {"times_ms": times} | curves
