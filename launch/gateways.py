"""``cityops device gateway``: accounts that speak for many devices, registered or not."""

from __future__ import annotations

from typing import Annotated

import typer

from launch.console import say
from launch.devices import AsJson, open_provisioner, show_credentials


def register(app: typer.Typer) -> None:
    """Add the command to ``cityops device``."""
    app.command()(gateway)


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
