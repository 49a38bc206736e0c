"""``cityops user``: people at the command line, for whoever may reach the database."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Literal

import psycopg
import typer
from rich.markup import escape
from rich.table import Table

from launch.addresses import with_addresses
from launch.console import out, say
from telemetry.errors import ConfigError
from telemetry.people import Role, check_name
from telemetry.settings import Settings

FIRST_NAME = "admin"
ACTOR = "command line"

app = typer.Typer(help="People who may sign in.", no_args_is_help=True)

RoleName = Literal["viewer", "operator", "engineer", "administrator"]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password's line from standard input.")
]


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="2 to 32 of a-z, 0-9, dot, dash, underscore.")],
    role: Annotated[RoleName, typer.Option(help="What the person may do.")],
    password_stdin: FromStdin = False,
) -> None:
    """Add a person; without --password-stdin a password is made and shown once."""
    from store.audit import record
    from store.passwords import hash_password
    from store.people import add_person

    kept = check_name(name)
    password, made = _password(kept, from_stdin=password_stdin)
    with _database(context) as conn:
        person = add_person(conn, kept, Role(role), hash_password(password))
        record(conn, ACTOR, "person.add", person.name, {"role": person.role})
    say(f"Added {person.name}, {person.role}")
    _show(password, made=made)


@app.command(name="list")
def list_all(context: typer.Context) -> None:
    """Show everyone, with their roles."""
    from store.people import list_people

    with _database(context) as conn:
        found = list_people(conn)
    table = Table("Name", "Role", "State", "Added")
    for person in found:
        state = "disabled" if person.disabled_at else "active"
        table.add_row(escape(person.name), person.role, state, f"{person.created_at:%Y-%m-%d}")
    out.print(table)


@app.command()
def disable(context: typer.Context, name: str) -> None:
    """Bar a person from signing in and end their sessions."""
    from store.audit import record
    from store.people import disable_person

    with _database(context) as conn:
        person = disable_person(conn, check_name(name))
        record(conn, ACTOR, "person.disable", person.name)
    say(f"Disabled {person.name}")


@app.command()
def reset(context: typer.Context, name: str, password_stdin: FromStdin = False) -> None:
    """Give a person a new password, let them in again and end their sessions."""
    from store.audit import record
    from store.passwords import hash_password
    from store.people import enable_person, get_person, set_password
    from store.sessions import forgive_failures

    kept = check_name(name)
    with _database(context) as conn:
        get_person(conn, kept)
        password, made = _password(kept, from_stdin=password_stdin)
        set_password(conn, kept, hash_password(password))
        enable_person(conn, kept)
        forgive_failures(conn, kept)
        record(conn, ACTOR, "person.reset", kept)
    say(f"{kept} has a new password")
    _show(password, made=made)


def first_administrator(database_url: str) -> str | None:
    """Make the first administrator where there is no one; the password, to be shown once."""
    from store.audit import record
    from store.passwords import generate_password, hash_password
    from store.people import add_first_administrator, is_empty
    from store.pool import connect

    with connect(database_url, name="setup") as conn:
        if not is_empty(conn):
            return None
        password = generate_password()
        person = add_first_administrator(conn, FIRST_NAME, hash_password(password))
        if person is None:
            return None
        record(conn, ACTOR, "person.add", person.name, {"role": person.role, "first": True})
    return password


@contextmanager
def _database(context: typer.Context) -> Generator[psycopg.Connection]:
    from store.pool import connect

    settings = context.obj
    assert isinstance(settings, Settings)
    url = with_addresses(settings, broker=False).database_url or ""
    with connect(url, name="people") as conn:
        yield conn


def _password(name: str, *, from_stdin: bool) -> tuple[str, bool]:
    """The password, and whether it was made here."""
    from store.passwords import check_password, generate_password

    if not from_stdin:
        return generate_password(), True
    given = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise ConfigError("no password came on standard input", cure="pipe one line into the command")
    return check_password(given, name), False


def _show(password: str, *, made: bool) -> None:
    if made:
        out.print(f"Password, shown this once: [bold]{escape(password)}[/bold]")
