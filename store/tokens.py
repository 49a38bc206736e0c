"""Random tokens: 256 bits to whoever is to hold one, their SHA-256 to the database.

A plain hash is enough where the secret is random: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import secrets

KEY_PREFIX = "cok_"
"""Every API key begins so, which lets scanners of code find one that got out."""


def new_token() -> str:
    """256 random bits, safe in a cookie and a header."""
    return secrets.token_urlsafe(32)


def new_key() -> str:
    """A new API key."""
    return KEY_PREFIX + new_token()


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def csrf_of(token: str) -> str:
    """What a session's unsafe requests carry: made from its token, which it does not give away."""
    return hashlib.sha256(b"csrf:" + token.encode()).hexdigest()
