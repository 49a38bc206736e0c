"""Passwords: argon2id with the parameters of RFC 9106 (the low-memory set), and what is asked of one."""

from __future__ import annotations

import functools
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from telemetry.errors import ConfigError

SHORTEST = 10
LONGEST = 256
"""Characters; a limit, because hashing takes time by length."""
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without those that look alike: it is read from a terminal."""


def hash_password(password: str) -> str:
    """The text to keep; it names its own parameters. Takes about 50 ms of a core."""
    return PasswordHasher().hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one. Without a hash it takes as long, and is false."""
    try:
        PasswordHasher().verify(password_hash or _nobodys(), password)
    except (Argon2Error, InvalidHashError):
        return False
    return password_hash is not None


def check_password(password: str, name: str) -> str:
    """The password, where it can be used.

    Raises
    ------
    ConfigError
        Where it is too short, too long, or the name itself.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(f"a password has {SHORTEST} to {LONGEST} characters", cure="choose another one")
    if name in password.lower():
        raise ConfigError("a password does not have the sign-in name in it", cure="choose another one")
    return password


def generate_password() -> str:
    """Four groups of five, 114 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))


@functools.cache
def _nobodys() -> str:
    return hash_password(secrets.token_urlsafe(16))
