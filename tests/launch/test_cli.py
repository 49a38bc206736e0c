import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from launch.console import as_city_error
from launch.status import without_password
from store import pool, services
from telemetry.settings import Settings, parse_settings

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "demo", "up", "migrate", "ingest", "analytics", "maintain", "dashboard", "simulate", "status", "health",
    "doctor", "clean-data", "user", "export", "import", "backup", "restore", "ledger", "detectors", "labels",
    "backtest", "shadow", "bench",
)  # fmt: skip


def cityops(
    *arguments: str, folder: Path, given: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder of its own, with no addresses in the environment."""
    command = [sys.executable, "-m", "launch", *arguments]
    clean = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=folder, env=clean,
        input=given or "",
    )  # fmt: skip


def test_help_lists_every_command(tmp_path: Path):
    done = cityops("--help", folder=tmp_path)
    assert done.returncode == 0
    assert all(f" {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize(
    ("file", "arguments", "says"),
    [
        ("http_prot = 1\n", ["status"], "http_prot"),
        ("http_port = 'x'\n", ["status"], "http_port"),
        ("[", ["status"], "cityops.toml"),
        ("", ["--config", "nowhere.toml", "status"], "nowhere.toml"),
        ("city = 'atlantis'\n", ["demo"], "atlantis"),
        ("engine = 'docker'\n", ["--http-port", "0", "--mqtt-port", "0", "--db-port", "0", "up"], "docker"),
        ("", ["ingest"], "DATABASE_URL and MQTT_URL"),
        ("", ["migrate"], "DATABASE_URL"),
        ("", ["simulate"], "MQTT_URL"),
    ],
    ids=[
        "misspelt key", "wrong type", "broken file", "missing file", "unknown city", "unknown engine",
        "ingest alone", "migrate alone", "simulate alone",
    ],
)  # fmt: skip
def test_a_mistake_is_one_panel_and_no_traceback(tmp_path: Path, file: str, arguments: list[str], says: str):
    (tmp_path / "cityops.toml").write_text(file)
    done = cityops(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert "CityOps cannot go on" in done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_status_of_nothing(tmp_path: Path):
    done = cityops("status", "--json", folder=tmp_path)
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["running"] is False
    assert answer["services"] == []


def test_doctor_names_what_is_needed(tmp_path: Path):
    done = cityops(
        "--http-port", "0", "--mqtt-port", "0", "--db-port", "0", "doctor", folder=tmp_path
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "Python" in done.stdout
    assert "wheels" in done.stdout


def test_cleaning_nothing_is_no_error(tmp_path: Path):
    assert "Nothing to delete" in cityops("clean-data", folder=tmp_path).stdout


def test_the_example_settings_are_the_defaults():
    text = (ROOT / "cityops.example.toml").read_text(encoding="utf-8")
    assert parse_settings(text, {}) == Settings()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(28, "No space left on device"), "disk is full"),
        (PermissionError(13, "Permission denied", "/data"), "/data"),
        (psycopg.errors.DiskFull("could not extend file"), "disk is full"),
        (psycopg.OperationalError("connection refused\nmore"), "connection refused"),
    ],
    ids=["disk", "right", "database disk", "database away"],
)
def test_foreseen_errors_are_put_in_words(error: OSError | psycopg.Error, says: str):
    found = as_city_error(error)
    assert says in found.message
    assert "more" not in found.message


def test_a_shown_address_has_no_password():
    assert without_password("postgresql://u:s3cret@h:1/d") == "postgresql://u:***@h:1/d"
    assert without_password("mqtt://h:1") == "mqtt://h:1"
    assert without_password(None) == "-"


def test_health_is_asked_by_the_name_of_a_service_or_of_its_command(tmp_path: Path, database_url: str):
    with pool.connect(database_url, name="test", autocommit=True) as conn:
        for name in ("maintenance", "ingest", "ingest north", "analytics"):
            services.beat(conn, services.Service(name, 7, "here"))
        # As young as can be however long the commands take, and one a minute old.
        conn.execute("UPDATE service SET seen_at = now() + interval '1 minute'")
        conn.execute("UPDATE service SET seen_at = now() - interval '1 minute' WHERE name = 'ingest north'")
    asked = {"DATABASE_URL": database_url}
    for name in ("maintenance", "maintain", "ingest", "analytics"):
        assert cityops("health", name, folder=tmp_path, **asked).returncode == 0, name
    silent = cityops("health", "ingest north", folder=tmp_path, **asked)
    own = cityops("health", "ingest", folder=tmp_path, CITYOPS_INGESTOR="north", **asked)
    for done in (silent, own):
        assert done.returncode == 1
        assert "ingest north: heartbeat " in done.stdout
    unknown = cityops("health", "ingset", folder=tmp_path, **asked)
    assert unknown.returncode == 1
    assert "maintenance" in unknown.stdout
