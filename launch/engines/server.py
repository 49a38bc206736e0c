"""One server process of ours: started, waited for, watched over and stopped."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from launch.processes import Guard, Identity, spawn, stop_process, tail
from telemetry.errors import EngineError


@dataclass(slots=True)
class Server:
    """A server process: at most one at a time, output in ``log``, watched by ``guard``."""

    name: str
    log: Path
    guard: Guard | None = None
    stop_signal: int = signal.SIGTERM
    identity: Identity | None = None
    _child: subprocess.Popen[bytes] | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it runs now."""
        return self._child is not None and self._child.poll() is None

    def start(self, command: Sequence[str], ready: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
        """Start it and wait until ``ready()`` says so.

        Raises
        ------
        EngineError
            Where it ends, or is not ready within ``timeout_s``; with the end of its log.
        """
        self._child, self.identity = spawn(command, self.log)
        if self.guard is not None:
            self.guard.watch(self.identity, signal_number=self.stop_signal)
        deadline = time.monotonic() + timeout_s
        while not ready():
            ended = not self.is_alive
            if ended or time.monotonic() > deadline:
                self.stop(grace_s=2.0)
                how = "ended at once" if ended else f"was not ready after {timeout_s:.0f} s"
                raise EngineError(f"{self.name} {how}:\n{tail(self.log)}", cure=f"see {self.log}")
            time.sleep(0.02)

    def stop(self, *, grace_s: float = 30.0) -> None:
        """Ask it to stop, kill it after ``grace_s``, and take leave of it."""
        if self._child is None or self.identity is None:
            return
        if self._child.poll() is None:
            _stop_child(self._child, self.identity, self.stop_signal, grace_s)
        if self.guard is not None:
            self.guard.forget(self.identity)
        self._child = None

    def kill(self) -> None:
        """End it as a power cut would, with the processes it has started."""
        if self._child is None or self.identity is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            offspring = psutil.Process(self.identity.pid).children(recursive=True)
            self._child.kill()
            for process in offspring:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(offspring, timeout=10)
        self.stop()


def _stop_child(
    child: subprocess.Popen[bytes], identity: Identity, signal_number: int, grace_s: float
) -> None:
    child.send_signal(signal_number)
    try:
        child.wait(grace_s)
    except subprocess.TimeoutExpired:
        stop_process(identity, signal_number=signal.SIGKILL, grace_s=1.0)
        child.wait()


def accepts_connections(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens on the port."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False
