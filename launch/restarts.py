"""When to start a crashed service again. Pure: it is told how long things ran."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Restarts:
    """Doubling delays up to a cap, forgotten after a steady run. All in seconds."""

    base_s: float = 0.5
    cap_s: float = 30.0
    steady_s: float = 30.0

    def failures_after(self, failures: int, ran_s: float) -> int:
        """Failures in a row, now that a process that ran ``ran_s`` has ended."""
        return 1 if ran_s >= self.steady_s else failures + 1

    def delay_s(self, failures: int) -> float:
        """How long to wait before the next start, after ``failures`` in a row."""
        if failures <= 0:
            return 0.0
        # The exponent is bounded so that a day of failures does not overflow a float.
        return min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 32))
