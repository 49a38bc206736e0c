"""A broker's address: ``mqtt://user:password@host:port``, or ``mqtts://`` for TLS."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from telemetry.errors import ConfigError

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """An address taken apart; the password never shows in its ``repr``."""

    host: str
    port: int
    tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> BrokerAddress:
        """Take an address apart.

        Raises
        ------
        ConfigError
            Where it is not ``mqtt://host:port`` or ``mqtts://host:port``.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise ConfigError("the broker's address has no usable port", cure="set MQTT_URL") from error
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ConfigError(
                "the broker's address is not mqtt://host:port or mqtts://host:port", cure="set MQTT_URL"
            )
        return cls(
            parts.hostname,
            port or _PORTS[parts.scheme],
            parts.scheme == "mqtts",
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )


def with_user(url: str, username: str, password: str) -> str:
    """The same address for somebody; whoever was in it before is replaced."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    signed = f"{quote(username, safe='')}:{quote(password, safe='')}@{place}"
    return urlunsplit(parts._replace(netloc=signed))


def without_user(url: str) -> str:
    """The same address without user and password, fit to be shown."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
