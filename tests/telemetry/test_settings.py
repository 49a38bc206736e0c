"""Settings: where they come from, and that a mistake is named."""

from __future__ import annotations

import pytest

from telemetry.errors import ConfigError
from telemetry.settings import parse_settings


def test_the_environment_goes_over_the_file_and_flags_over_both() -> None:
    toml = 'http_port = 1\nmqtt_port = 1\ndata_dir = "a"\n[ingest]\nmax_batch = 5\n'
    settings = parse_settings(toml, {"CITYOPS_HTTP_PORT": "2", "CITYOPS_MQTT_PORT": "2"}, {"http_port": 3})
    assert (settings.http_port, settings.mqtt_port, settings.data_dir) == (3, 2, "a")
    assert settings.ingest.max_batch == 5


@pytest.mark.parametrize(
    ("toml", "environment", "named"),
    [
        pytest.param("htp_port = 1", {}, "htp_port", id="misspelt"),
        pytest.param("[ingest]\nmax_bach = 1", {}, "max_bach", id="misspelt-inside"),
        pytest.param("", {"CITYOPS_HTTP_PORT": "eighty"}, "http_port", id="not-a-number"),
        pytest.param("http_port = ", {}, "cityops.toml", id="not-toml"),
    ],
)
def test_a_mistake_is_named(toml: str, environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        parse_settings(toml, environment)


def test_passwords_never_show() -> None:
    settings = parse_settings("", {"DATABASE_URL": "postgresql://u:hush@h/db", "MQTT_URL": "mqtt://u:hush@h"})
    assert settings.database_url is not None
    assert "hush" not in repr(settings)
