"""What a running CityOps says of itself in ``run.json``: addresses and processes.

Other terminals (`cityops status`, `cityops ingest`) read it, and the next start uses
it to stop what a killed supervisor left behind. It holds the database's password, so
it is for its owner alone.
"""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import msgspec

from launch.processes import Identity, is_running, stop_process

FILE = "run.json"


class Member(msgspec.Struct, frozen=True):
    """One process of a run, in the order of starting."""

    name: str
    pid: int
    started: float
    signal: int = int(signal.SIGTERM)

    @property
    def identity(self) -> Identity:
        """The process itself, for good."""
        return Identity(self.pid, self.started)


class RunState(msgspec.Struct, frozen=True):
    """One run: who supervises it, where everything is, and what runs."""

    pid: int
    started: float
    database_url: str
    mqtt_url: str
    http_url: str
    database: str = ""
    broker: str = ""
    members: tuple[Member, ...] = ()

    @property
    def supervisor(self) -> Identity:
        """The supervising process."""
        return Identity(self.pid, self.started)

    @property
    def is_live(self) -> bool:
        """Whether its supervisor runs."""
        return is_running(self.supervisor)


def write_state(folder: Path, state: RunState) -> None:
    """Replace ``run.json`` in one step, readable by its owner alone."""
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".run-")  # made with mode 0600
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(msgspec.json.format(msgspec.json.encode(state), indent=2))
    Path(name).replace(folder / FILE)


def read_state(folder: Path) -> RunState | None:
    """The last run's state; ``None`` where there is none that can be read."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=RunState)
    except (OSError, msgspec.DecodeError):
        return None


def clear_state(folder: Path) -> None:
    """Forget the run: it ended in order."""
    (folder / FILE).unlink(missing_ok=True)


def stop_leftovers(folder: Path) -> list[str]:
    """Stop what a killed supervisor left running, the newest first; their names.

    Call it holding the folder's lock. Only processes with the pid *and* the start time
    that were written down are touched.
    """
    state = read_state(folder)
    if state is None:
        return []
    left = [member for member in reversed(state.members) if is_running(member.identity)]
    for member in left:
        stop_process(member.identity, signal_number=member.signal, grace_s=20.0)
    clear_state(folder)
    return [member.name for member in left]
