"""Ports: which are free, and whose the others are."""

from __future__ import annotations

import contextlib
import errno
import socket

import psutil

from telemetry.errors import EngineError


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on at this moment."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def claim_port(port: int, host: str, *, what: str, option: str) -> int:
    """``port`` if it is free to listen on, any free one where it is 0.

    Raises
    ------
    EngineError
        Where the port is taken or may not be had, with whose it is and the option
        that changes it.
    """
    if port == 0:
        return free_port(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family)) as probe:
        # As servers do: a port in TIME_WAIT after a restart is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise EngineError(_reason(error, port, host, what), cure=_cure(option)) from error
    return port


def _reason(error: OSError, port: int, host: str, what: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} for {what} is in use{listener_of(port)}"
    if error.errno == errno.EACCES:
        return f"port {port} for {what} needs rights that this user does not have"
    return f"{what} cannot listen on {host}:{port}: {error.strerror}"


def _cure(option: str) -> str:
    variable = "CITYOPS_" + option.removeprefix("--").replace("-", "_").upper()
    return f"choose another with {option} (0 takes any free one) or {variable}, or stop what uses it"


def listener_of(port: int) -> str:
    """`` by python (pid 42)``, or nothing where it cannot be told."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            address = tuple(connection.laddr)
            listening = connection.status == psutil.CONN_LISTEN and address[1:2] == (port,)
            if listening and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return ""
