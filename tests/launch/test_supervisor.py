import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launch.processes import Guard, is_running
from launch.restarts import Restarts
from launch.services import ServiceSpec
from launch.supervisor import Supervisor


class Script(ServiceSpec):
    """A service that is a line of Python instead of a `cityops` command."""

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-c", *self.arguments]


class FakeEngine:
    """An engine that is down until it is started."""

    def __init__(self) -> None:
        self.is_alive = False

    def start(self) -> None:
        self.is_alive = True


@pytest.fixture
def supervisor(tmp_path: Path, guard: Guard) -> Iterator[Supervisor]:
    found = Supervisor(
        {"HERE": str(tmp_path)}, tmp_path / "logs", guard, lambda: None, Restarts(base_s=0.05, cap_s=0.2)
    )
    yield found
    found.stop()


def _until(supervisor: Supervisor, done: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        supervisor.check(time.monotonic())
        time.sleep(0.01)


def test_a_crashed_service_is_started_again(supervisor: Supervisor, tmp_path: Path):
    runs = tmp_path / "runs"
    line = f"open({str(runs)!r}, 'a').write('x'); raise SystemExit(3)"
    supervisor.start(Script("crashing", (line,)))
    _until(supervisor, lambda: runs.exists() and len(runs.read_text()) >= 3)


def test_a_killed_service_comes_back_as_another_process(supervisor: Supervisor):
    supervisor.start(Script("ingest", ("import time; time.sleep(60)",)))
    first = supervisor.identities["ingest"]
    os.kill(first.pid, signal.SIGKILL)
    _until(supervisor, lambda: supervisor.identities.get("ingest") not in (None, first))
    assert is_running(supervisor.identities["ingest"])


def test_services_stop_last_started_first(supervisor: Supervisor, tmp_path: Path):
    order = tmp_path / "order"
    line = (
        "import signal, sys, time\n"
        f"def end(*_): open({str(order)!r}, 'a').write(sys.argv[1]); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)"
    )
    for name in "abc":
        supervisor.start(Script(name, (line, name)))
    logs = [tmp_path / "logs" / f"{name}.log" for name in "abc"]
    _until(supervisor, lambda: all(log.exists() and "up" in log.read_text() for log in logs))
    supervisor.stop()
    assert order.read_text() == "cba"
    assert supervisor.identities == {}


def test_in_a_hurry_a_deaf_service_is_killed_soon(supervisor: Supervisor, tmp_path: Path):
    line = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up', flush=True); time.sleep(60)"
    )
    supervisor.start(Script("deaf", (line,), grace_s=60.0))
    identity = supervisor.identities["deaf"]
    _until(supervisor, lambda: "up" in (tmp_path / "logs/deaf.log").read_text())
    began = time.monotonic()
    supervisor.stop(hurry=lambda: True)
    assert time.monotonic() - began < 10.0
    assert not is_running(identity)


def test_an_engine_that_is_gone_is_started_again(supervisor: Supervisor):
    engine = FakeEngine()
    supervisor.keep_engine("database", engine)
    _until(supervisor, lambda: engine.is_alive)
