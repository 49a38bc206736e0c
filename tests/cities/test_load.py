"""Where settings and profiles are read from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from launch.config import PROJECT, cities_path, load_city, load_settings
from telemetry.errors import ConfigError
from telemetry.settings import Settings


def test_flags_win_over_the_environment_and_it_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "cityops.toml"
    path.write_text('http_port = 1\nmqtt_port = 2\ndb_port = 3\ncity = "x"', encoding="utf-8")
    settings = load_settings(
        path, {"http_port": 9, "mqtt_port": None}, {"CITYOPS_HTTP_PORT": "5", "CITYOPS_DB_PORT": "7"}
    )
    assert (settings.http_port, settings.mqtt_port, settings.db_port, settings.city) == (9, 2, 7, "x")


def test_no_settings_file_means_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(environment={}) == Settings()


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_settings(tmp_path / "none.toml", environment={})


def test_profiles_are_found_in_another_folder(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "cities" / "hcmc", tmp_path / "elsewhere")
    environment = {"CITYOPS_CITIES_DIR": str(tmp_path)}
    assert cities_path(environment) == tmp_path
    assert load_city(Settings(city="elsewhere"), environment).key == "hcmc"


@pytest.mark.parametrize("key", ["../hcmc", "", "a/b", "HCMC", "nowhere", "/etc"])
def test_a_key_that_names_no_profile_is_refused(key: str) -> None:
    with pytest.raises(ConfigError):
        load_city(Settings(city=key), {})
