import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from launch.processes import (
    Guard,
    Identity,
    identify,
    is_running,
    spawn,
    stop_process,
    tail,
    wait_gone,
)

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf', flush=True); time.sleep(60)"
    ),
]


def test_a_pid_with_another_start_time_is_another_process(tmp_path: Path):
    child, identity = spawn(SLEEP, tmp_path / "log")
    try:
        assert is_running(identity)
        assert not is_running(Identity(identity.pid, identity.started - 5.0))
        assert stop_process(Identity(identity.pid, identity.started - 5.0))
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_a_zombie_does_not_run(tmp_path: Path):
    child, identity = spawn([sys.executable, "-c", ""], tmp_path / "log")
    assert wait_gone(identity, 10.0)
    child.wait()
    assert identify(identity.pid) is None


def test_what_does_not_stop_is_killed(tmp_path: Path):
    with subprocess.Popen(STUBBORN, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"deaf\n"
        identity = identify(child.pid)
        assert identity is not None
        assert not stop_process(identity, grace_s=0.2)
        assert child.wait(60) == -signal.SIGKILL


def test_closing_the_guard_stops_what_it_watches_and_spares_what_it_forgot(tmp_path: Path):
    guard = Guard()
    watched, watched_id = spawn(SLEEP, tmp_path / "log")
    spared, spared_id = spawn(SLEEP, tmp_path / "log")
    guard.watch(watched_id)
    guard.watch(spared_id)
    guard.forget(spared_id)
    guard.close()
    try:
        assert watched.wait(60) == -signal.SIGTERM
        assert spared.poll() is None
    finally:
        spared.kill()
        spared.wait()


def test_a_killed_supervisor_leaves_no_orphan(tmp_path: Path):
    program = textwrap.dedent(
        """
        import sys, time, pathlib
        from launch.processes import Guard, spawn
        guard = Guard()
        sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
        child, identity = spawn(sleep, pathlib.Path(sys.argv[1]))
        guard.watch(identity)
        print(identity.pid, identity.started, guard.pid, flush=True)
        time.sleep(60)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log")], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pid, started, guard_pid = parent.stdout.readline().split()
        orphan = Identity(int(pid), float(started))
        guard = identify(int(guard_pid))
        assert guard is not None
        assert is_running(orphan)
        parent.kill()
    assert wait_gone(orphan, 10.0)
    assert wait_gone(guard, 10.0)


def test_the_tail_of_a_log(tmp_path: Path):
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_text("\n".join(str(n) for n in range(100)))
    assert tail(log, 3) == "97\n98\n99"
