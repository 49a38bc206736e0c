"""``cityops user``, on a real database."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from launch.people import first_administrator
from store.passwords import matches
from tests.launch.test_cli import cityops


def user(url: str, folder: Path, *arguments: str, given: str | None = None):
    return cityops("user", *arguments, folder=folder, given=given, DATABASE_URL=url)


def kept_hash(url: str, name: str) -> str:
    with psycopg.connect(url) as conn:
        return conn.execute("SELECT password_hash FROM person WHERE name = %s", (name,)).fetchall()[0][0]


def test_a_person_is_added_listed_reset_and_disabled(database_url: str, tmp_path: Path):
    added = user(
        database_url, tmp_path, "add", "Lan", "--role", "operator", "--password-stdin", given="a good one!\n"
    )
    assert "Added lan, operator" in added.stdout
    assert "a good one" not in added.stdout
    assert matches(kept_hash(database_url, "lan"), "a good one!")
    assert "lan" in user(database_url, tmp_path, "list").stdout

    shown = re.search(r"shown this once: (\S+)", user(database_url, tmp_path, "reset", "lan").stdout)
    assert shown is not None
    assert matches(kept_hash(database_url, "lan"), shown[1])
    assert user(database_url, tmp_path, "disable", "lan").returncode == 0
    assert "disabled" in user(database_url, tmp_path, "list").stdout


@pytest.mark.parametrize(
    ("arguments", "given", "says"),
    [
        (["add", "a b", "--role", "viewer"], None, "sign-in name"),
        (["add", "hoa", "--role", "viewer", "--password-stdin"], "short\n", "10 to 256"),
        (["add", "hoa", "--role", "viewer", "--password-stdin"], "", "no password came"),
        (["disable", "no-one"], None, "no person 'no-one'"),
        (["reset", "no-one"], None, "no person 'no-one'"),
    ],
    ids=["bad name", "short password", "no password", "disable nobody", "reset nobody"],
)
def test_a_mistake_about_people_is_one_panel(database_url: str, tmp_path: Path, arguments, given, says):
    done = user(database_url, tmp_path, *arguments, given=given)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_administrator_is_made_once_with_a_password_of_its_own(make_database):
    url = make_database()
    password = first_administrator(url)
    assert password is not None
    assert matches(kept_hash(url, "admin"), password)
    assert first_administrator(url) is None
    other = make_database()
    assert first_administrator(other) != password
