"""Where settings and the city profile are read from: the only reader of both."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from telemetry.city import City, parse_city
from telemetry.errors import ConfigError
from telemetry.settings import Settings, parse_settings

SETTINGS_FILE = "cityops.toml"
CITIES_VARIABLE = "CITYOPS_CITIES_DIR"
PROJECT = Path(__file__).resolve().parents[1]

_CITY_KEY = re.compile(r"[a-z0-9][a-z0-9_\-]{0,31}")
_MAX_FILE_BYTES = 64 * 1024 * 1024


def load_settings(
    path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from a file, the environment over it, flags over both.

    ``path`` None means ``cityops.toml`` here, if there is one; in ``overrides`` a value of
    ``None`` means the flag was not given.

    Raises
    ------
    ConfigError
        Where a named file cannot be read, or a key is wrong.
    """
    found = path or Path(SETTINGS_FILE)
    try:
        text = found.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if path is not None:
            raise ConfigError(f"{path}: no such file", cure="give --config a file that exists") from error
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{found}: {error}") from error
    return parse_settings(text, os.environ if environment is None else environment, overrides)


def cities_path(environment: Mapping[str, str] | None = None) -> Path:
    """The folder of city profiles."""
    named = (os.environ if environment is None else environment).get(CITIES_VARIABLE)
    return Path(named).expanduser().absolute() if named else PROJECT / "cities"


def load_city(settings: Settings, environment: Mapping[str, str] | None = None) -> City:
    """The profile of ``settings.city``.

    Raises
    ------
    ConfigError
        Where there is no such profile, or something in it is wrong.
    """
    if _CITY_KEY.fullmatch(settings.city) is None:
        raise ConfigError(f"city {settings.city!r} is not a profile's name")
    folder = cities_path(environment) / settings.city
    if not folder.is_dir():
        raise ConfigError(f"no city profile at {folder}", cure=f"make the folder, or set {CITIES_VARIABLE}")
    try:
        files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in (".toml", ".csv", ".geojson") and path.is_file()
        }
    except OSError as error:
        raise ConfigError(f"city profile {folder}: {error}") from error
    return parse_city(files)


def _read(path: Path) -> bytes:
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise ConfigError(f"{path}: larger than {_MAX_FILE_BYTES // 2**20} MiB")
    return path.read_bytes()
