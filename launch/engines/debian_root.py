"""A private Debian with PostgreSQL, TimescaleDB and mosquitto, in the cache folder.

Made once, kept between runs and shared by every working copy of the user. Building
happens under a temporary name and ends with a rename, so a root that is there is whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

from launch.engines.debootstrap import Report, find_debootstrap, run_debootstrap
from telemetry.errors import EngineError
from telemetry.settings import Settings

SUITE = "trixie"
RECIPE = 1
"""Counts up when the packages below change, so that old roots are not mistaken for new ones."""
PACKAGES = ["postgresql-17-timescaledb", "mosquitto", "mosquitto-clients"]
POSTGRES_MAJOR = 17
POSTGRES_BIN = Path("/usr/lib/postgresql/17/bin")
MOSQUITTO = Path("/usr/sbin/mosquitto")
STEPS = 628
"""Lines debootstrap prints on the way, measured: what progress is counted against."""
NEEDED_BYTES = 1_500_000_000


def cache_path(settings: Settings) -> Path:
    """Where engines are kept: as set, else the system's or the user's cache folder."""
    if settings.cache_dir:
        return Path(settings.cache_dir).expanduser().absolute()
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]).absolute() / "cityops"
    return Path("/var/cache/cityops") if os.geteuid() == 0 else Path.home() / ".cache" / "cityops"


def root_path(settings: Settings) -> Path:
    """The finished root, whether or not it is there yet."""
    return cache_path(settings) / "engines" / f"{SUITE}-{RECIPE}"


def obstacle() -> str:
    """Why a root cannot be made or used here; empty where it can."""
    if os.geteuid() != 0:
        return "not root"
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return "not a Debian-like system"
    return ""


def is_ready(root: Path) -> bool:
    """Whether the root is there, and so whole."""
    return (root / POSTGRES_BIN.relative_to("/") / "postgres").is_file()


def ensure_root(settings: Settings, report: Report) -> Path:
    """The root, made first where it is not there.

    Raises
    ------
    EngineError
        Where it cannot be made: no network, no space, no debootstrap.
    """
    root = root_path(settings)
    if is_ready(root):
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    with _locked(root.with_suffix(".lock"), report):
        if not is_ready(root):
            _build(root, report)
    return root


def _build(root: Path, report: Report) -> None:
    for leftover in root.parent.glob(f"{root.name}.making-*"):
        _remove(leftover)
    free = shutil.disk_usage(root.parent).free
    if free < NEEDED_BYTES:
        raise EngineError(
            f"{free // 10**6} MB free under {root.parent}, {NEEDED_BYTES // 10**6} MB needed",
            cure="free some space, or set CITYOPS_CACHE_DIR to a larger disk",
        )
    workshop = Path(tempfile.mkdtemp(prefix=f"{root.name}.making-", dir=root.parent))
    try:
        tool = find_debootstrap(workshop, report)
        target = workshop / "root"
        run_debootstrap(tool, tool.command(SUITE, PACKAGES, target), report)
        shutil.rmtree(target / "var/cache/apt/archives", ignore_errors=True)
        target.rename(root)
    except OSError as error:
        raise EngineError(f"cannot make {root}: {error}") from error
    finally:
        _remove(workshop)


def _remove(folder: Path) -> None:
    """Remove a half-made root, unless something is still mounted inside it."""
    mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    if any(Path(line.split()[1]).is_relative_to(folder) for line in mounts):
        return
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path, report: Report) -> Generator[None]:
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("Waiting for another CityOps that is making the same engines")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
