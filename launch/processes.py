"""Processes: known by pid and start time, so that a reused pid is never mistaken.

The *guard* is a tiny process that outlives its supervisor for a moment: when the
supervisor dies, even by SIGKILL, it stops what the supervisor had started. The
kernel's parent-death signal would not do: it is cleared when a server changes user.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

START_TIME_TOLERANCE_S = 0.05
"""psutil gives start times in clock ticks (10 ms) past the boot time."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, for good: its pid and when it started (seconds since the epoch)."""

    pid: int
    started: float


def identify(pid: int) -> Identity | None:
    """The process that has ``pid`` now, ``None`` where there is none."""
    try:
        return Identity(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def is_running(identity: Identity) -> bool:
    """Whether this very process still runs; a zombie does not."""
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.started) < START_TIME_TOLERANCE_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_gone(identity: Identity, timeout_s: float) -> bool:
    """Wait until the process is gone; ``False`` where it still runs at the deadline."""
    deadline = time.monotonic() + timeout_s
    while is_running(identity):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def stop_process(identity: Identity, *, signal_number: int = signal.SIGTERM, grace_s: float = 10.0) -> bool:
    """Ask a process to stop, kill it after ``grace_s``; ``True`` where asking was enough."""
    if not is_running(identity):
        return True
    with contextlib.suppress(ProcessLookupError):
        psutil.Process(identity.pid).send_signal(signal_number)
    if wait_gone(identity, grace_s):
        return True
    with contextlib.suppress(psutil.NoSuchProcess):
        if is_running(identity):
            psutil.Process(identity.pid).kill()
    wait_gone(identity, 5.0)
    return False


def spawn(
    command: Sequence[str],
    log: Path,
    *,
    environment: dict[str, str] | None = None,
    folder: Path | None = None,
) -> tuple[subprocess.Popen[bytes], Identity]:
    """Start a process in a session of its own, its output appended to ``log``.

    A session of its own keeps the terminal's Ctrl-C from it: the supervisor stops
    its children in order.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    return child, identify(child.pid) or Identity(child.pid, 0.0)


class Guard:
    """The guard's near end. Closing it, or dying, makes the guard stop what it watches."""

    def __init__(self) -> None:
        # Nothing of the caller's Python settings, so that it starts in
        # milliseconds; psutil is found because its folder is handed over.
        self._child = subprocess.Popen(
            [sys.executable, "-S", "-E", "-P", str(Path(__file__).with_name("guard.py")), *_import_path()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The guard's own pid."""
        return self._child.pid

    def watch(self, identity: Identity, *, signal_number: int = signal.SIGTERM) -> None:
        """Stop this process too, should we die."""
        self._send({"watch": identity.pid, "started": identity.started, "signal": int(signal_number)})

    def forget(self, identity: Identity) -> None:
        """The process has stopped."""
        self._send({"forget": identity.pid})

    def close(self) -> None:
        """End the guard; whatever it still watches is stopped."""
        assert self._child.stdin is not None
        with contextlib.suppress(OSError):
            self._child.stdin.close()
        self._child.wait()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(OSError):  # a killed guard must not stop the city
            self._child.stdin.write(json.dumps(message).encode() + b"\n")
            self._child.stdin.flush()


def _import_path() -> list[str]:
    """Where the guard finds psutil and this package."""
    return [str(Path(psutil.__file__).parents[1]), str(Path(__file__).parents[1])]


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for an error message."""
    try:
        text = log.read_bytes()[-8192:].decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
