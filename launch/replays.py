"""Waiting at the command line for what ingest does with a replay."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import msgspec
import psycopg
import typer
from rich.progress import Progress

from launch.addresses import with_addresses
from launch.console import err, out, say
from store.replays import Replay
from telemetry.errors import CityOpsError
from telemetry.settings import Settings

_PATIENCE_S = 10.0
"""How long a request may stand still before it is said to wait for ingest."""
_LOOK_S = 0.2


@contextmanager
def database(context: typer.Context) -> Generator[psycopg.Connection]:
    """A connection to the database of the settings; committed where all went well."""
    from store.pool import connect

    settings = context.obj
    assert isinstance(settings, Settings)
    url = with_addresses(settings, broker=False).database_url or ""
    with connect(url, name="command line") as conn:
        yield conn


def follow(context: typer.Context, replay_request_id: int, messages: int, *, as_json: bool = False) -> Replay:
    """Draw a bar until the request is done, and say what came of it.

    Raises
    ------
    CityOpsError
        Nothing happens: no ingest process runs. The request stands, and is done by the next one.
    """
    with Progress(console=err, transient=True, disable=as_json) as progress:
        task = progress.add_task("Replaying", total=messages)
        replay = _wait(
            context, replay_request_id, lambda left: progress.update(task, completed=messages - left)
        )
    if as_json:
        typer.echo(msgspec.json.encode(replay).decode())
    else:
        _say(replay)
    return replay


def _wait(context: typer.Context, replay_request_id: int, tell: Callable[[int], None]) -> Replay:
    from store.replays import get_replay

    left, deadline = -1, time.monotonic() + _PATIENCE_S
    with database(context) as conn:
        while True:
            replay = get_replay(conn, replay_request_id)
            conn.rollback()
            tell(replay.left_over)
            if replay.done_at is not None:
                return replay
            if replay.left_over != left:
                left, deadline = replay.left_over, time.monotonic() + _PATIENCE_S
            if time.monotonic() > deadline:
                raise CityOpsError(
                    f"replay {replay_request_id} waits: no ingest process took it",
                    cure="see `cityops status`; it is done as soon as ingest runs: no need to ask again",
                )
            time.sleep(_LOOK_S)


def _say(replay: Replay) -> None:
    verb = "Would leave" if replay.dry_run else "Left"
    say(
        f"{verb} quarantine: {replay.replayed} messages, with {replay.readings} new readings"
        f" and {replay.duplicates} known ones"
    )
    if replay.gone:
        say(f"No longer there: {replay.gone}")
    if replay.refused:
        say(f"Refused again: {replay.refused}")
    for refusal in replay.refusals:
        out.print(f"  {refusal['quarantine_id']}", end=" ")
        say(f"{refusal['reason']}: {refusal['detail']}")
