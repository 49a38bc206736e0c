"""What every engine needs to know of where it is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from launch.engines.debian_root import ensure_root, obstacle
from launch.engines.debootstrap import Report
from launch.processes import Guard
from telemetry.errors import EngineError
from telemetry.settings import Settings


def _say_nothing(_step: str) -> None:
    pass


@dataclass(slots=True)
class PrivateRoot:
    """The private Debian, made when first asked for; a failure is remembered.

    The database and the broker both ask. A machine without a network should wait for
    its time-outs once.
    """

    _path: Path | None = None
    _failure: EngineError | None = None

    def path(self, settings: Settings, report: Report) -> Path:
        """The root's folder.

        Raises
        ------
        EngineError
            Where there can be none.
        """
        if self._failure is not None:
            raise self._failure
        try:
            self._path = self._path or _make(settings, report)
        except EngineError as error:
            self._failure = error
            raise
        return self._path


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where engines keep data (``folder``), and whom they tell of what they do.

    ``fast`` gives up durability and memory, for tests that need neither.
    """

    settings: Settings
    folder: Path
    report: Report = _say_nothing
    guard: Guard | None = None
    fast: bool = False
    private_root: PrivateRoot = field(default_factory=PrivateRoot)

    def root(self) -> Path:
        """The private Debian root (``EngineError`` where there can be none)."""
        return self.private_root.path(self.settings, self.report)


def _make(settings: Settings, report: Report) -> Path:
    reason = obstacle()
    if reason:
        raise EngineError(f"no private Debian: {reason}", cure="run as root on Debian, or use another engine")
    return ensure_root(settings, report)
