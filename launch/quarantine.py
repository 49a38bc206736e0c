"""``cityops quarantine``: messages that could not be used, looked at, mended, replayed, thrown away."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import click
import msgspec
import typer
from rich.markup import escape
from rich.table import Column, Table

from launch.console import out, say
from launch.replays import database, follow
from store.quarantine import Quarantined, Search
from telemetry.errors import ConfigError, NotFoundError

ACTOR = "command line"
_MOST = 10_000
"""Messages that one command acts on; the next does the rest."""
_SHOWN = 60

app = typer.Typer(help="Messages that could not be used.", no_args_is_help=True)

Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="As `quarantine list` shows them.")]
Reason = Annotated[str | None, typer.Option(help="Those with this reason: device, range, json, …")]
Device = Annotated[str | None, typer.Option(help="Those that name this device; '' for none.")]
Text = Annotated[str | None, typer.Option("--text", help="Those with this text in topic or detail.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command(name="list")
def list_some(
    context: typer.Context,
    reason: Reason = None,
    device: Device = None,
    text: Text = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="How many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the messages in quarantine, the one that came last first."""
    from store import quarantine

    with database(context) as conn:
        rows = quarantine.list_quarantine(conn, limit, search=Search(reason, device, text))
        total = quarantine.count(conn)
    if as_json:
        _print_json([_document(row) for row in rows])
        return
    table = Table("Id", "Last time", "Times", Column("Device", overflow="fold"), "Reason", "Payload")
    for row in rows:
        seen = f"{row.last_at.astimezone():%Y-%m-%d %H:%M:%S}"
        cells = (str(row.quarantine_id), seen, str(row.deliveries), row.claimed, row.reason)
        table.add_row(*map(_plain, cells), _plain(_text(row.payload)[:_SHOWN]))
    out.print(table)
    say(f"{len(rows)} of {total} messages in quarantine")


@app.command()
def show(
    context: typer.Context,
    quarantine_id: Annotated[int, typer.Argument(metavar="ID")],
    as_json: AsJson = False,
) -> None:
    """Show one message whole."""
    row = _find(context, quarantine_id)
    if as_json:
        _print_json(_document(row))
        return
    facts = {
        "Topic": row.topic,
        "Device": row.claimed or "none",
        "Reason": f"{row.reason}: {row.detail}",
        "First time": f"{row.first_at.astimezone():%Y-%m-%d %H:%M:%S.%f %z}",
        "Last time": f"{row.last_at.astimezone():%Y-%m-%d %H:%M:%S.%f %z}, {row.deliveries} in all",
        "Payload": f"{len(row.payload)} bytes{', cut' if row.cut else ''}",
    }
    for name, value in facts.items():
        out.print(f"[bold]{name}[/bold]  {escape(_plain(value))}", soft_wrap=True)
    say(_text(row.payload))


@app.command()
def replay(
    context: typer.Context,
    ids: Ids = None,
    reason: Reason = None,
    device: Device = None,
    text: Text = None,
    every: Annotated[bool, typer.Option("--all", help="All there are.")] = False,
    set_topic: Annotated[str | None, typer.Option(help="Mend the topic of the one message.")] = None,
    payload: Annotated[str | None, typer.Option(help="Mend the payload of the one message.")] = None,
    payload_file: Annotated[Path | None, typer.Option(help="The same, from a file.", exists=True)] = None,
    edit: Annotated[bool, typer.Option("--edit", help="The same, in $EDITOR.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send messages through the checks again, mended or not. Exit code 1 if some are refused again."""
    from store.mending import ask_replay

    chosen = _choose(context, ids, Search(reason, device, text), every=every)
    mended = _mended(context, chosen, payload, payload_file, edit=edit)
    if (mended is not None or set_topic is not None) and len(chosen) != 1:
        raise ConfigError("one message is mended at a time", cure="give its id alone")
    if not chosen:
        say("Nothing to replay")
        return
    with database(context) as conn:
        number = ask_replay(conn, ACTOR, chosen, topic=set_topic, payload=mended, dry_run=dry_run)
    done = follow(context, number, len(chosen), as_json=as_json)
    if done.refused or done.left_over:
        raise typer.Exit(1)


@app.command()
def drop(
    context: typer.Context,
    ids: Ids = None,
    reason: Reason = None,
    device: Device = None,
    text: Text = None,
    every: Annotated[bool, typer.Option("--all", help="All there are.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Throw messages away for good; the ledger counts them."""
    from store.mending import drop as drop_messages

    chosen = _choose(context, ids, Search(reason, device, text), every=every)
    dropped = 0
    if chosen and not dry_run:
        if not yes:
            typer.confirm(f"Throw {len(chosen)} messages away for good?", abort=True, err=True)
        with database(context) as conn:
            dropped = drop_messages(conn, ACTOR, chosen, datetime.now(UTC))
    if as_json:
        _print_json({"chosen": len(chosen), "dropped": dropped})
    else:
        say(f"Would drop {len(chosen)} messages" if dry_run else f"Dropped {dropped} messages")


def _choose(context: typer.Context, ids: list[int] | None, search: Search, *, every: bool) -> list[int]:
    from store.quarantine import EVERYTHING, find_ids

    if ids:
        if search != EVERYTHING or every:
            raise ConfigError("ids and filters do not go together", cure="give the one or the others")
        return list(dict.fromkeys(ids))
    if search == EVERYTHING and not every:
        raise ConfigError("which messages?", cure="give ids, --reason, --device, --text, or --all")
    with database(context) as conn:
        return find_ids(conn, _MOST, search=search)


def _mended(
    context: typer.Context, chosen: list[int], payload: str | None, file: Path | None, *, edit: bool
) -> bytes | None:
    if sum((payload is not None, file is not None, edit)) > 1:
        raise ConfigError("--payload, --payload-file and --edit are three ways to one thing", cure="give one")
    if file is not None:
        return file.read_bytes()
    if not edit:
        return None if payload is None else payload.encode()
    if len(chosen) != 1:
        raise ConfigError("one message is mended at a time", cure="give its id alone")
    try:
        before = _find(context, chosen[0]).payload.decode()
    except UnicodeDecodeError as error:
        raise ConfigError("the payload is not text", cure="mend it with --payload-file") from error
    after = click.edit(before, extension=".json")
    if after is None or after == before:
        raise ConfigError("nothing was changed", cure="save the file in the editor, or leave --edit out")
    return after.encode()


def _find(context: typer.Context, quarantine_id: int) -> Quarantined:
    from store.quarantine import find_message

    with database(context) as conn:
        row = find_message(conn, quarantine_id)
    if row is None:
        raise NotFoundError("message in quarantine", quarantine_id)
    return row


def _document(row: Quarantined) -> dict[str, Any]:
    document = {name: getattr(row, name) for name in row.__dataclass_fields__ if name != "payload"}
    try:
        return document | {"payload": row.payload.decode()}
    except UnicodeDecodeError:
        return document | {"payload_base64": row.payload}


def _text(payload: bytes) -> str:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return payload.hex(" ")
    return _plain(text)


def _plain(text: str) -> str:
    """Text that a terminal takes for no command of its own."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _print_json(document: Any) -> None:
    typer.echo(msgspec.json.encode(document).decode())
