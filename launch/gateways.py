"""``cityops device gateway``: accounts that speak for many devices, registered or not."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from launch.console import out, say
from launch.devices import AsJson, open_database, open_provisioner, show_credentials


def register(app: typer.Typer) -> None:
    """Add the commands to ``cityops device``."""
    app.command()(gateway)
    app.command()(gateways)


def gateways(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False
) -> None:
    """Show every gateway's account, with the topics it may publish to for any device."""
    from store.device_access import list_gateways

    with open_database(context) as conn:
        found = list_gateways(conn)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    table = Table("Account", "May publish to", "Since", "Made by")
    for one in found:
        topics, since = "\n".join(one.topics), f"{one.since:%Y-%m-%d %H:%M}"
        table.add_row(escape(one.username), escape(topics), since, escape(one.actor))
    out.print(table)


def gateway(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The gateway's name; its account is cityops-gateway-NAME.")],
    topic: Annotated[
        list[str] | None,
        typer.Option(help="What it may publish to, as city/drainage/+/telemetry; may be repeated."),
    ] = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Take its account away and cut it off at once.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give a gateway an account: it may publish for any device of its topics, registered or not.

    Done again, it gives a new password and the topics as they are named now.
    """
    with open_provisioner(context) as provisioner:
        if revoke:
            provisioner.revoke_gateway(name)
            say(f"Revoked {name}")
            return
        made = provisioner.add_gateway(name, topic or ())
    show_credentials([made], as_json=as_json)
