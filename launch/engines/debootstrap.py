"""Running ``debootstrap``, fetched for the occasion where this machine lacks it.

Nothing is installed on the host: packages are downloaded and unpacked beside the
root that they will make.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from telemetry.errors import EngineError

Report = Callable[[str], None]
"""Is told each step as it happens."""

_KEYRING = "usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True, slots=True)
class Debootstrap:
    """The program, its environment and the keys it trusts."""

    program: Path
    keyring: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def command(self, suite: str, packages: list[str], target: Path) -> list[str]:
        """Make a minimal ``suite`` with ``packages`` in ``target``.

        The mount namespace makes what debootstrap mounts inside the target (``/proc``)
        vanish with it, however it ends, so that clearing up never meets a mount.
        """
        made = [str(self.program), "--variant=minbase", f"--include={','.join(packages)}"]
        return [*_own_mounts(), *made, f"--keyring={self.keyring}", suite, str(target)]


def find_debootstrap(workshop: Path, report: Report) -> Debootstrap:
    """The host's debootstrap and Debian keys, or freshly downloaded ones in ``workshop``.

    Raises
    ------
    EngineError
        Where they can be neither found nor downloaded.
    """
    program, keyring = shutil.which("debootstrap"), Path("/") / _KEYRING
    environment: dict[str, str] = {}
    if shutil.which("wget") is None:
        environment["PATH"] = f"{_stand_in_wget(workshop)}{os.pathsep}{os.environ.get('PATH', '')}"
    if program is None:
        _download(["debootstrap"], workshop, report)
        program = str(workshop / "usr/sbin/debootstrap")
        environment["DEBOOTSTRAP_DIR"] = str(workshop / "usr/share/debootstrap")
    if not keyring.is_file():
        _download(["debian-archive-keyring"], workshop, report)
        keyring = workshop / _KEYRING
    return Debootstrap(Path(program), keyring, environment)


def run_debootstrap(tool: Debootstrap, command: list[str], report: Report) -> None:
    """Run it, telling ``report`` its ``I:`` lines as they come.

    Raises
    ------
    EngineError
        With its last lines, where it fails.
    """
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        env={**os.environ, **tool.environment, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
    )
    recent: list[str] = []
    assert child.stdout is not None
    try:
        with child.stdout as said:
            for line in said:
                recent = [*recent[-5:], line.rstrip()]
                if line.startswith("I: "):
                    report(line[3:].strip())
        if child.wait() != 0:
            errors = [line[3:] for line in recent if line.startswith("E: ")]
            raise EngineError("debootstrap failed: " + " | ".join(errors or recent[-3:]))
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()


def _stand_in_wget(workshop: Path) -> Path:
    """A folder with a ``wget`` that is ours; debootstrap knows no other downloader."""
    folder = workshop / "bin"
    folder.mkdir()
    script = folder / "wget"
    script.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("fetch.py")}" "$@"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    return folder


def _own_mounts() -> list[str]:
    """A prefix giving a command mounts of its own, killed whole with its first process."""
    probe = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    try:
        done = subprocess.run([*probe, "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return probe if done.returncode == 0 else []


def _download(packages: list[str], workshop: Path, report: Report) -> None:
    report(f"Downloading {', '.join(packages)}")
    with tempfile.TemporaryDirectory(dir=workshop) as name:
        folder = Path(name)
        if not _apt(["download", *packages], folder):
            _apt(["update"], folder)
            if not _apt(["download", *packages], folder):
                raise EngineError(
                    f"cannot download {', '.join(packages)}", cure="check the network and APT's sources"
                )
        for archive in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", archive, workshop], check=True, capture_output=True)


def _apt(arguments: list[str], folder: Path) -> bool:
    # As root APT drops to its own user, who may not write into our folder.
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", *arguments]
    try:
        return (
            subprocess.run(command, cwd=folder, capture_output=True, timeout=300, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
