"""Who sent the request being answered: set by the middleware, read by everything below it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from telemetry.people import NOBODY, Identity


@dataclass(frozen=True, slots=True)
class Caller:
    """An identity, and the token that its unsafe requests must carry (empty for a key)."""

    identity: Identity = NOBODY
    csrf: str = ""


_caller: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039  (frozen)


def current_caller() -> Caller:
    """Who asks; `NOBODY` where no one has signed in."""
    return _caller.get()


def current_identity() -> Identity:
    """Whose request a layout or a callback answers; `NOBODY` outside one."""
    return _caller.get().identity


@contextmanager
def acting(caller: Caller) -> Generator[None]:
    """Answer what is inside for this caller."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)
