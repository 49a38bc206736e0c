"""`cityops up` and `demo` as a stranger runs them: one process tree, from start to the last byte."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.processes import is_running, wait_gone
from launch.run_state import RunState, read_state

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("--http-port", "0", "--mqtt-port", "0", "--db-port", "0")


class Run:
    """A `cityops up` on a folder, ended with the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "MQTT_URL")}
        self.environment = {**environment, "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
        self.log = folder.with_suffix(".out")
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "launch", "--data-dir", str(folder), *PORTS, "up"],
                stdout=sink,
                stderr=sink,
                cwd=folder.parent,
                env=self.environment,
                start_new_session=True,
            )

    def wait_up(self) -> RunState:
        deadline = time.monotonic() + 180.0
        while "CityOps is up" not in self.log.read_text(encoding="utf-8"):
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, self.log.read_text(encoding="utf-8")
            time.sleep(0.05)
        state = read_state(self.folder)
        assert state is not None
        return state

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "launch", "--data-dir", str(self.folder), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, cwd=self.folder.parent,
            env=self.environment,
        )  # fmt: skip

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    found = Run(tmp_path / "data")
    yield found
    found.end()


def test_up_answers_refuses_a_second_and_leaves_nothing(run: Run):
    state = run.wait_up()
    with urllib.request.urlopen(f"{state.http_url}/readyz", timeout=60) as answer:
        assert answer.status == 200

    status = json.loads(run.command("status", "--json").stdout)
    assert status["running"]
    assert status["database_url"] == state.database_url
    assert {s["name"]: s["health"] for s in status["services"]} == {
        "database": "ok", "broker": "ok", "ingest": "ok", "analytics": "ok",
        "maintenance": "ok", "bench": "ok", "dashboard": "ok",
    }  # fmt: skip
    assert ":***@" in run.command("status").stdout

    second = run.command(*PORTS, "up")
    assert second.returncode == 2
    assert f"(pid {run.process.pid})" in second.stderr
    assert run.command("clean-data").returncode == 2
    port = state.http_url.rsplit(":", 1)[1]
    taken = run.command("--data-dir", str(run.folder) + "2", *PORTS[2:], "--http-port", port, "up")
    assert taken.returncode == 2
    assert f"port {port}" in taken.stderr

    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(60) == 0
    assert not [m.name for m in state.members if is_running(m.identity)]
    assert read_state(run.folder) is None
    assert run.command("clean-data").returncode == 0
    assert not run.folder.exists()


def test_after_a_kill_nothing_is_left_and_the_next_start_recovers(run: Run, tmp_path: Path):
    state = run.wait_up()
    guards = [child for child in _children(run.process.pid) if "guard.py" in child[1]]
    assert len(guards) == 1
    # Both at once: the worst that can be done to it. What is left is for the next start to stop.
    os.kill(guards[0][0], signal.SIGKILL)
    run.process.kill()
    run.process.wait(60)
    assert any(is_running(m.identity) for m in state.members)
    run.log.unlink()

    again = Run(run.folder)
    try:
        renewed = again.wait_up()
        assert "Stopped what an earlier run left behind" in again.log.read_text(encoding="utf-8")
        assert not [m.name for m in state.members if is_running(m.identity)]
        again.process.kill()
        assert [m.name for m in renewed.members if not wait_gone(m.identity, 60.0)] == []
    finally:
        again.end()


def _children(pid: int) -> list[tuple[int, str]]:
    import psutil

    return [(child.pid, " ".join(child.cmdline())) for child in psutil.Process(pid).children()]
