"""The data folder: claimed by one run at a time, ours to delete, with room to write."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Generator
from pathlib import Path

from launch.engines.debian_root import root_path
from launch.engines.place import fallback
from launch.run_state import read_state
from telemetry.errors import ConfigError, EngineError
from telemetry.settings import Settings

MARKER = "cityops-data.txt"
LOCK = "lock"
NEEDED_BYTES = 2_000_000_000
"""A week of the demo city and a day of its log, with as much again for WAL."""

_SAYS = "CityOps keeps its database, broker state and logs here. `cityops clean-data` removes this folder.\n"


def open_folder(folder: Path) -> None:
    """Make the folder, private to its owner, or check that it is one of ours.

    Raises
    ------
    ConfigError
        Where it holds something else, or may not be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / MARKER).exists():
            if any(folder.iterdir()):
                raise ConfigError(
                    f"{folder} is not empty and not a CityOps data folder",
                    cure="choose another with --data-dir",
                )
            (folder / MARKER).write_text(_SAYS, encoding="utf-8")
            folder.chmod(0o700)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise ConfigError(
            f"the data folder {folder} cannot be used: {error.strerror}",
            cure="choose one you may write to with --data-dir or CITYOPS_DATA_DIR",
        ) from error


def check_space(folder: Path, needed_bytes: int = NEEDED_BYTES) -> None:
    """Raise ``EngineError`` where the disk is too full to begin."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise EngineError(
            f"only {free / 1e9:.1f} GB free under {folder}, {needed_bytes / 1e9:.0f} GB needed",
            cure="free some space, or choose a folder on a larger disk with --data-dir",
        )


@contextlib.contextmanager
def claimed(folder: Path) -> Generator[None]:
    """Hold the folder; the kernel lets go of it with the process, however that ends.

    Raises
    ------
    EngineError
        Where another run holds it.
    """
    with (folder / LOCK).open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            state = read_state(folder)
            who = f" (pid {state.pid})" if state else ""
            raise EngineError(
                f"a CityOps is running on {folder} already{who}",
                cure="stop it with Ctrl-C there, or start a second one with another --data-dir and ports",
            ) from error
        yield


def remove_folder(folder: Path, settings: Settings) -> None:
    """Delete the data folder and what engines keep for it elsewhere.

    Raises
    ------
    ConfigError
        Where it is not a CityOps data folder.
    """
    if not (folder / MARKER).exists():
        raise ConfigError(f"{folder} is not a CityOps data folder", cure="name the right one with --data-dir")
    for data in (folder / "database", folder / "broker"):
        for root in (Path("/"), root_path(settings)):
            shutil.rmtree(fallback(root, data), ignore_errors=True)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ConfigError(
            f"{error.filename} cannot be removed: {error.strerror}",
            cure="run it as the user who made the folder",
        ) from error
