"""``cityops tls``: certificates for a private broker, where no authority of one's own is at hand."""

from __future__ import annotations

from typing import Annotated

import typer

from launch.console import say
from launch.engines.tls import FOLDER
from launch.folder import open_folder
from telemetry.access import check_account_name
from telemetry.settings import Settings

app = typer.Typer(help="Certificates for a private broker.", no_args_is_help=True)


@app.command()
def init(
    context: typer.Context,
    host: Annotated[
        list[str] | None, typer.Option(help="Name or address of the broker; may be repeated.")
    ] = None,
) -> None:
    """Make a private authority and the broker's certificate, in the data folder."""
    from launch.certificates import make_authority, make_server

    settings = _settings(context)
    open_folder(settings.data_path)
    folder = settings.data_path / FOLDER
    make_authority(folder)
    make_server(folder, [*(host or []), "localhost", "127.0.0.1"])
    say(f"Made an authority and the broker's certificate in {folder}; set [tls] port, and start again")
    say("Devices get ca.pem alone. Keep ca-key.pem to yourself")


@app.command()
def device(context: typer.Context, device_id: str) -> None:
    """Make a certificate for a device, for a broker that has `client_certificates` set."""
    from launch.certificates import make_client

    settings = _settings(context)
    name = check_account_name(device_id, settings.ingestor)
    certificate, key = make_client(settings.data_path / FOLDER, name)
    say(f"Made {certificate} and {key}; the device's account decides what it may do")


def _settings(context: typer.Context) -> Settings:
    assert isinstance(context.obj, Settings)
    return context.obj
