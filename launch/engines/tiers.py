"""The four ways to come by a database and a broker, best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path


class Tier(StrEnum):
    """Where a server comes from."""

    GIVEN = "given"
    """Its address was given (``DATABASE_URL``, ``MQTT_URL``)."""
    INSTALLED = "installed"
    """This machine has it; a private instance is run."""
    CHROOT = "chroot"
    """From a private Debian root in the cache folder."""
    WHEELS = "wheels"
    """From Python packages, without TimescaleDB."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What runs, for people: ``TimescaleDB …``, by which tier, and why that one."""

    name: str
    tier: Tier
    reason: str
    version: str = ""
    lacks: str = ""
    """What this engine cannot do, and what that costs; empty where nothing."""

    def because(self, refusals: Sequence[str]) -> EngineInfo:
        """The same, its reason extended by why better engines were not taken."""
        if not refusals:
            return self
        return replace(self, reason=f"{'; '.join(refusals)}; so {self.reason}")

    def kept_in(self, folder: Path) -> EngineInfo:
        """The same, saying that its data is not in the data folder."""
        note = f"data is in {folder}, as no mount namespace can be had"
        return self if note in self.reason else replace(self, reason=f"{self.reason}; {note}")

    @property
    def line(self) -> str:
        """One line: what, from which tier and why."""
        shown = self.version or self.name
        line = f"{shown} [{self.tier}]: {self.reason}"
        return f"{line}. Note: {self.lacks}" if self.lacks else line
