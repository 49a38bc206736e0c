"""A message as the broker handed it over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """Where a device wants to be told that its message is kept, and by what it knows the message.

    MQTT 5's Response Topic and Correlation Data.
    """

    topic: str
    correlation: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery, not yet looked at.

    ``received_at`` is microseconds since the epoch. ``mid`` and ``session`` name the
    acknowledgement it waits for; a ``mid`` means nothing in a later session. Not frozen, for a
    frozen one takes twice as long to make, and one is made for every delivery.
    """

    topic: str
    payload: bytes
    received_at: int
    qos: int
    mid: int
    session: int
    reply: Reply | None = None
