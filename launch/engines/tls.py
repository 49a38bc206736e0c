"""The TLS listener of a private mosquitto: its certificates, where the broker's own user can read them."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from launch.engines.place import User
from launch.engines.template import write_private
from telemetry.errors import ConfigError
from telemetry.settings import Settings

FOLDER = "tls"
"""Where in the data folder ``cityops tls init`` puts what it makes."""
CA, CA_KEY = "ca.pem", "ca-key.pem"
SERVER, SERVER_KEY = "server.pem", "server-key.pem"


def listener_lines(settings: Settings, outer: Path, inner: Path, user: User | None) -> str:
    """Lines for mosquitto's configuration, empty without ``[tls] port``; the files are copied to ``outer``.

    Raises
    ------
    ConfigError
        Where a file is missing or cannot be read.
    """
    tls = settings.tls
    if not tls.port:
        return ""
    lines = [f"listener {tls.port} {tls.host}", "max_qos 1", "tls_version tlsv1.2"]
    named = [("certfile", tls.certificate, SERVER), ("keyfile", tls.key, SERVER_KEY)]
    if tls.client_certificates:
        named.append(("cafile", tls.ca, CA))
        lines += ["require_certificate true", "use_identity_as_username true"]
        # A certificate is no password check, so the plugin cannot hold a device to its own
        # client id; this does, and nobody takes over another's session.
        lines.append("use_username_as_clientid true")
    for option, given, made in named:
        source = Path(given).expanduser() if given else settings.data_path / FOLDER / made
        write_private(outer / made, _read(source), user)
        lines.append(f"{option} {inner / made}")
    return "\n".join(lines)


def authority(settings: Settings) -> str:
    """The file by which ours check a broker; empty for the authorities this machine trusts."""
    made = settings.data_path / FOLDER / CA
    return settings.tls.ca or (str(made) if made.exists() else "")


def with_trust(settings: Settings) -> Settings:
    """Settings whose ``tls.ca`` is the file that is really used."""
    return replace(settings, tls=replace(settings.tls, ca=authority(settings)))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"tls: {path}: {error.strerror}", cure="make them with `cityops tls init`, or set [tls]"
        ) from error
