"""Ground truth: what was done to the simulated city, where and from when to when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from telemetry.errors import ConfigError
from telemetry.metrics import Domain

FILE = "ground_truth.jsonl"
"""Its name in the data folder: one JSON object a line, in the order they began."""

FLOOD, ACCIDENT, POLLUTION, OUTAGE = "flood", "accident", "pollution", "outage"
STUCK, SPIKE, DRIFT, DROPOUT, OFFSET = "stuck", "spike", "drift", "dropout", "offset"
NOISY, CLOCK = "noisy", "clock"
EVENTS = (FLOOD, ACCIDENT, POLLUTION, OUTAGE)
FAULTS = (STUCK, SPIKE, DRIFT, DROPOUT, OFFSET, NOISY)
"""Of what is measured. A wrong clock (`CLOCK`) is one of when: only the live stream can have it."""


@dataclass(frozen=True, slots=True)
class Truth:
    """One fault of sensors, or one real event in the city.

    ``metrics`` are those of ``device_ids`` that show it; ``params`` what its size was
    (units in the names). ``end`` is when the cause ends; its effect may fade later.
    """

    kind: str
    domain: Domain
    device_ids: tuple[str, ...]
    metrics: tuple[str, ...]
    start: datetime
    end: datetime
    params: Mapping[str, float | str] = field(default_factory=dict[str, float | str])
    is_sensor_fault: bool = False

    @property
    def start_s(self) -> float:
        """Start, seconds since the epoch."""
        return self.start.timestamp()

    @property
    def end_s(self) -> float:
        """End, seconds since the epoch."""
        return self.end.timestamp()

    def number(self, name: str) -> float:
        """A parameter that is a number."""
        return float(self.params[name])


def moment(seconds: float) -> datetime:
    """Whole milliseconds of ``seconds`` since the epoch, so that a written time reads back."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def append(path: Path, truths: Iterable[Truth]) -> None:
    """Add ``truths`` to the file, making it and its folder where they are missing."""
    lines = b"".join(msgspec.json.encode(truth) + b"\n" for truth in truths)
    if not lines:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(lines)
    except OSError as error:
        raise ConfigError(f"{path}: {error}", cure="choose another data folder") from error


def read(path: Path) -> list[Truth]:
    """The truths in a file, each once; none where there is no file.

    One that was under way when a run began is written by that run and by the one before.
    """
    if not path.exists():
        return []
    found = [msgspec.json.decode(line, type=Truth) for line in path.read_bytes().splitlines() if line]
    return list({(truth.kind, truth.start, truth.device_ids): truth for truth in found}.values())
