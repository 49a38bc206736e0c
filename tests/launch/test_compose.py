import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]


def test_every_part_is_there():
    assert set(SERVICES) == {
        "database", "broker", "migrate", "ingest", "analytics", "maintenance", "bench", "dashboard",
        "simulators",
    }  # fmt: skip
    assert set(OURS) == set(SERVICES) - {"database", "broker"}


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_of_cityops(name: str):
    command = [sys.executable, "-m", "launch", *SERVICES[name]["command"], "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "Usage: cityops" in done.stdout


@pytest.mark.parametrize("name", ["ingest", "analytics", "maintenance", "bench", "dashboard"])
def test_each_check_is_one_of_cityops(name: str):
    check = SERVICES[name]["healthcheck"]["test"]
    assert check == ["CMD", "cityops", "health", name]


@pytest.mark.parametrize(
    "name", ["database", "broker", "ingest", "analytics", "maintenance", "bench", "dashboard"]
)
def test_each_service_has_a_health_check(name: str):
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", ["database", "broker"])
def test_images_are_pinned(name: str):
    tag = SERVICES[name]["image"].partition(":")[2]
    assert re.match(r"\d+\.\d+\.\d+", tag), SERVICES[name]["image"]


def test_the_database_is_postgresql_17_with_timescaledb():
    assert re.fullmatch(r"timescale/timescaledb:2\.\d+\.\d+-pg17", SERVICES["database"]["image"])


def test_no_password_has_a_default():
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    uses = re.findall(r"\$\{(CITYOPS_\w*PASSWORD)([^}]*)\}", text)
    assert {name for name, _ in uses} == {"CITYOPS_DB_PASSWORD", "CITYOPS_MQTT_PASSWORD"}
    assert all(rest.startswith(":?") for _, rest in uses)


def test_nothing_is_published_beyond_this_host():
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_only_users_of_the_database_can_reach_it():
    on_storage = {name for name, service in SERVICES.items() if "storage" in service["networks"]}
    assert on_storage == {"database", "migrate", "ingest", "analytics", "maintenance", "bench", "dashboard"}
    assert COMPOSE["networks"]["storage"]["internal"] is True


def test_what_is_mounted_is_there():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


def test_the_image_does_not_run_as_root():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert users == ["cityops"]
    copied = {line.split()[1] for line in lines if line.startswith("COPY") and line.count(" ") == 2}
    assert all((ROOT / name).is_dir() for name in copied)
