"""What the database and the broker fixtures share: a guard, and where engines come from."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

from launch.config import load_settings
from launch.engines.debian_root import obstacle
from launch.engines.surroundings import PrivateRoot, Surroundings
from launch.engines.tiers import Tier
from launch.processes import Guard
from telemetry.settings import Settings

_private_root = PrivateRoot()


def engine_settings(tier: Tier | None = None) -> Settings:
    """Settings that find engines as `cityops` does; addresses of the outside are not used."""
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "MQTT_URL")}
    overrides = {"engine": str(tier)} if tier else {}
    return load_settings(Path(os.devnull), overrides, environment)


def surroundings(folder: Path, guard: Guard, *, tier: Tier | None = None, fast: bool = True) -> Surroundings:
    """Surroundings of a throw-away engine in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = engine_settings(tier)
    return Surroundings(settings, folder, guard=guard, fast=fast, private_root=_private_root)


def find_program(name: str) -> str | None:
    """A program on the path, or one that came with a Python package into this environment."""
    beside = Path(sys.executable).parent / name
    return shutil.which(name) or (str(beside) if beside.exists() else None)


def why_not(tier: Tier) -> str:
    """Why a tier cannot be had here; empty where it can."""
    return obstacle() if tier is Tier.CHROOT else ""


def digest(path: Path) -> str:
    """A short name for a file's contents."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
