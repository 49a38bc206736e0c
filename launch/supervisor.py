"""The supervisor: starts services, starts crashed ones again, stops all in order."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from launch.processes import Guard, Identity, spawn, stop_process
from launch.restarts import Restarts
from launch.services import ServiceSpec
from telemetry.errors import EngineError

logger = logging.getLogger(__name__)

POLL_S = 0.25


class EngineProcess(Protocol):
    """A server the services need: database or broker."""

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        ...

    def start(self) -> None:
        """Start it and wait until it answers."""
        ...


@dataclass(slots=True)
class _Running:
    """One thing kept running, and the history that its next start depends on."""

    name: str
    failures: int = 0
    started_at: float = 0.0
    restart_at: float | None = None
    child: subprocess.Popen[bytes] | None = None
    identity: Identity | None = None


@dataclass(slots=True)
class Supervisor:
    """Keeps services and engines running until told to stop.

    ``changed`` is called after every start and end, so that ``run.json`` is always true.
    """

    environment: dict[str, str]
    logs: Path
    guard: Guard
    changed: Callable[[], None]
    restarts: Restarts = field(default_factory=Restarts)
    _services: dict[str, tuple[ServiceSpec, _Running]] = field(
        default_factory=dict[str, tuple[ServiceSpec, _Running]]
    )
    _engines: list[tuple[EngineProcess, _Running]] = field(
        default_factory=list[tuple[EngineProcess, _Running]]
    )

    def keep_engine(self, name: str, engine: EngineProcess) -> None:
        """Start this engine again whenever it ends; it runs now, and its owner stops it."""
        self._engines.append((engine, _Running(name, started_at=time.monotonic())))

    def start(self, spec: ServiceSpec) -> None:
        """Start a service and keep it running."""
        running = _Running(spec.name)
        self._services[spec.name] = (spec, running)
        self._start(spec, running)

    @property
    def identities(self) -> dict[str, Identity]:
        """The services that run now, in the order of starting."""
        return {
            name: running.identity
            for name, (_, running) in self._services.items()
            if running.identity is not None and running.child is not None
        }

    def run(self, stop: threading.Event) -> None:
        """Watch until ``stop``."""
        while not stop.wait(POLL_S):
            self.check(time.monotonic())

    def check(self, now_s: float) -> None:
        """Look at everything once: note what has ended, start what is due."""
        for engine, running in self._engines:
            if not engine.is_alive:
                self._mind_engine(engine, running, now_s)
        for spec, running in self._services.values():
            if running.child is not None and running.child.poll() is not None:
                self._note_end(running, now_s, f"exit code {running.child.returncode}")
            elif running.restart_at is not None and now_s >= running.restart_at:
                self._start(spec, running)

    def stop(self, *, hurry: Callable[[], bool] = lambda: False) -> None:
        """Stop the services, the last started first; none is waited for once ``hurry()``."""
        for spec, running in reversed(self._services.values()):
            if running.child is None or running.identity is None:
                continue
            orderly = stop_process(running.identity, grace_s=1.0 if hurry() else spec.grace_s)
            if not orderly:
                logger.warning("%s did not stop within %.0f s and was killed", spec.name, spec.grace_s)
            running.child.wait()
            self.guard.forget(running.identity)
            running.child = None
        self._services.clear()

    def _start(self, spec: ServiceSpec, running: _Running) -> None:
        running.restart_at = None
        running.child, running.identity = spawn(
            spec.command,
            self.logs / f"{spec.name}.log",
            environment={**self.environment, **spec.environment},
        )
        running.started_at = time.monotonic()
        self.guard.watch(running.identity)
        self.changed()

    def _note_end(self, running: _Running, now_s: float, how: str) -> None:
        running.failures = self.restarts.failures_after(running.failures, now_s - running.started_at)
        delay_s = self.restarts.delay_s(running.failures)
        log = self.logs / f"{running.name}.log"
        logger.warning("%s ended (%s); starting it again in %.1f s; see %s", running.name, how, delay_s, log)
        if running.identity is not None:
            self.guard.forget(running.identity)
        running.child = None
        running.restart_at = now_s + delay_s
        self.changed()

    def _mind_engine(self, engine: EngineProcess, running: _Running, now_s: float) -> None:
        if running.restart_at is None:
            self._note_end(running, now_s, "it is gone")
        elif now_s >= running.restart_at:
            running.started_at = now_s
            running.restart_at = None
            try:
                engine.start()
                self.changed()
            except EngineError as error:
                logger.warning("%s did not start: %s", running.name, error.message)
