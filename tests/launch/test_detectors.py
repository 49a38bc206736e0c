"""``cityops detectors``: looked at, checked, applied, compared, rolled back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from launch.config import load_city
from launch.schema import offer_detectors
from store import detection, devices, pool
from telemetry.city import City
from telemetry.detection import KINDS, decode_configuration
from telemetry.settings import Settings
from tests.launch.test_cli import cityops

GOOD = """
[[detector]]
name = "limits"
kind = "limits"

[[detector]]
name = "stuck-levels"
kind = "stuck"
select = [{ metric = ["water_level_m"] }, { zone = ["760"], tags = { road = ["hai_ba_trung"] } }]
params = { least_repeats = 30 }
"""


@pytest.fixture(scope="module")
def hcmc() -> City:
    return load_city(Settings())


@pytest.fixture
def conn(make_database: Any, hcmc: City) -> Iterator[psycopg.Connection]:
    url = make_database()
    with pool.connect(url, name="test", autocommit=True) as conn:
        devices.upsert_devices(conn, hcmc.devices)
        offer_detectors(url, hcmc)
        yield conn


@pytest.fixture
def run(conn: psycopg.Connection, tmp_path: Path) -> Any:
    url = f"postgresql://{conn.info.user}:{conn.info.password}@{conn.info.host}:{conn.info.port}/{conn.info.dbname}"

    def go(*arguments: str, given: str | None = None) -> Any:
        return cityops("detectors", *arguments, folder=tmp_path, given=given, DATABASE_URL=url)

    return go


def test_the_profile_is_shown(run: Any) -> None:
    shown = run("show")
    assert shown.returncode == 0, shown.stderr
    assert "Version 1, by profile:hcmc" in shown.stdout
    assert "least_repeats=15.0" in shown.stdout
    listed = run("list")
    assert "in force" in listed.stdout


def test_a_file_is_applied_compared_and_taken_back(
    run: Any, conn: psycopg.Connection, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(GOOD)
    done = run("apply", "mine.toml", "--reason", "levels hang <b>")
    assert done.returncode == 0, done.stderr
    assert "Version 2 is in force" in done.stdout
    assert "silence: removed" in done.stdout
    assert detection.get_version(conn, 2).configuration() == decode_configuration(GOOD.encode())
    assert detection.get_version(conn, 2).author == "command line"
    exported = run("export").stdout
    assert decode_configuration(exported.encode()) == decode_configuration(GOOD.encode())
    assert run("apply", "-", "--reason", "again", given=exported).returncode == 2
    told = json.loads(run("diff", "1", "2", "--json").stdout)
    assert {("stuck-levels", ""), ("silence", "")} <= {(one["detector"], one["key"]) for one in told}
    again = run("rollback", "1", "--reason", "it missed one")
    assert again.returncode == 0, again.stderr
    assert detection.active_version(conn) == 1


def test_the_streams_of_a_detector(run: Any, hcmc: City) -> None:
    run("apply", "-", "--reason", "levels", given=GOOD)
    pairs = json.loads(run("streams", "stuck-levels", "--json").stdout)
    levels = [one.device_id for one in hcmc.devices if "water_level_m" in one.metrics]
    assert {one["device_id"] for one in pairs if one["metric"] == "water_level_m"} == set(levels)
    assert run("streams", "nobody").returncode == 2


MISTAKES = {
    "no TOML": ("[[", "detectors:"),
    "unknown key": ('[[detector]]\nname = "a"\nkind = "stuck"\nparams = { repeats = 3 }', "repeats"),
    "bad value": ('[[detector]]\nname = "a"\nkind = "stuck"\nparams = { of_usual = 0.5 }', ".of_usual"),
    "unknown kind": ('[[detector]]\nname = "a"\nkind = "magic"', "magic"),
    "unknown zone": (
        '[[detector]]\nname = "a"\nkind = "stuck"\nselect = [{ zone = ["999"] }]', "a: select[0].zone",
    ),
    "unknown tag": (
        '[[detector]]\nname = "a"\nkind = "stuck"\nselect = [{ tags = { colour = ["red"] } }]',
        "a: select[0].tags",
    ),
    "no number": ('[[detector]]\nname = "a"\nkind = "silence"\nparams = { intervals = inf }', "intervals"),
    "taken name": ('[[detector]]\nname = "platform"\nkind = "stuck"', "detector[0].name"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), MISTAKES.values(), ids=MISTAKES)
def test_what_is_wrong_is_named_by_its_key(run: Any, conn: psycopg.Connection, text: str, says: str) -> None:
    for command in (["validate", "-"], ["apply", "-", "--reason", "try"]):
        done = run(*command, given=text)
        assert done.returncode == 2
        assert says in done.stderr
        assert "Traceback" not in done.stderr
    assert detection.active_version(conn) == 1


def test_what_is_probably_not_meant_is_said(run: Any) -> None:
    text = (
        '[[detector]]\nname = "a"\nkind = "stuck"\n[[detector]]\nname = "b"\nkind = "stuck"\n'
        '[[detector]]\nname = "c"\nkind = "stuck"\nselect = [{ device = ["nothing-*"] }]\n'
    )
    done = run("validate", "-", given=text)
    assert done.returncode == 0, done.stderr
    assert "b: does the same as a" in done.stdout
    assert "c: watches no stream" in done.stdout


def test_a_changed_profile_is_offered_and_said(run: Any, conn: psycopg.Connection) -> None:
    run("apply", "-", "--reason", "mine", given=GOOD)
    changed = decode_configuration(b'[[detector]]\nname = "stuck"\nkind = "stuck"')
    with conn.transaction():
        detection.offer_profile(conn, changed, "hcmc")
    said = run("list").stdout
    assert "offers version 3" in said
    assert run("activate", "3", "--reason", "as the profile has it").returncode == 0
    assert detection.active_version(conn) == 3
    assert "offers" not in run("list").stdout


def test_without_a_database_a_file_is_checked_against_the_profile(tmp_path: Path) -> None:
    done = cityops("detectors", "validate", "-", folder=tmp_path, given=GOOD)
    assert done.returncode == 0, done.stderr
    assert "devices of the city's profile" in done.stdout


def test_every_kind_says_what_it_can_be_told(tmp_path: Path):
    shown = cityops("detectors", "kinds", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "[bold]" not in shown.stdout
    schemas = json.loads(cityops("detectors", "kinds", "--json", folder=tmp_path).stdout)
    assert schemas.keys() == KINDS.keys()
    for name, params in KINDS.items():
        properties = schemas[name]["$defs"][params.__name__]["properties"]
        assert list(properties) == list(params.__struct_fields__)
        assert all(key in shown.stdout for key in (name, *properties))
    unknown = cityops("detectors", "kinds", "isolation", folder=tmp_path)
    assert unknown.returncode != 0
    assert "isolation" in unknown.stderr
    assert "subspace" in unknown.stderr
