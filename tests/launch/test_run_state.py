import os
import stat
import sys
from pathlib import Path

from launch.processes import identify, spawn
from launch.run_state import FILE, Member, RunState, clear_state, read_state, stop_leftovers, write_state


def _state(*members: Member) -> RunState:
    me = identify(os.getpid())
    assert me is not None
    return RunState(me.pid, me.started, "postgresql://u:p@h/d", "mqtt://h", "http://h", members=members)


def test_a_state_is_read_back_and_is_its_owners_alone(tmp_path: Path):
    state = _state(Member("ingest", 1, 2.0))
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_its_supervisor_tells_whether_it_is_live(tmp_path: Path):
    state = _state()
    assert state.is_live
    assert not RunState(state.pid, state.started - 9, "", "", "").is_live


def test_a_broken_or_missing_file_is_no_state(tmp_path: Path):
    assert read_state(tmp_path) is None
    (tmp_path / FILE).write_text('{"pid": "x"}')
    assert read_state(tmp_path) is None
    clear_state(tmp_path)
    clear_state(tmp_path)


def test_only_proven_leftovers_are_stopped(tmp_path: Path):
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    ours, ours_id = spawn(sleep, tmp_path / "log")
    stranger, stranger_id = spawn(sleep, tmp_path / "log")
    write_state(
        tmp_path,
        _state(
            Member("ingest", ours_id.pid, ours_id.started),
            Member("broker", stranger_id.pid, stranger_id.started - 60),
        ),
    )
    try:
        assert stop_leftovers(tmp_path) == ["ingest"]
        assert ours.wait(60) != 0
        assert stranger.poll() is None
        assert read_state(tmp_path) is None
    finally:
        stranger.kill()
        stranger.wait()
