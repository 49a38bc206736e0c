"""Every error CityOps raises on purpose.

::

    CityOpsError
    ├── ConfigError            settings or a city profile that cannot be used
    ├── PayloadError           a device's message that cannot be used → quarantine
    ├── TopicError             a topic outside the contract → quarantine
    ├── EngineError            no database or broker can be had, or one did not start
    ├── MigrationError         the schema is not what this version expects
    ├── NotFoundError          an object that was asked for does not exist
    └── ConflictError          an object is no longer what the asker took it for

Errors carry their facts as attributes, so that a log line, an API answer and a
terminal message can each say them in their own way.
"""

from __future__ import annotations


class CityOpsError(Exception):
    """Root of the tree. ``cure`` says what the reader can do about it."""

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


class ConfigError(CityOpsError):
    """A setting or a city profile is wrong; the message names the key."""


class PayloadError(CityOpsError):
    """A payload that cannot be used. ``reason`` is a short stable key.

    ``device_id`` is the device it is about, where the topic alone does not say.
    """

    def __init__(self, reason: str, message: str, *, device_id: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.device_id = device_id


class TopicError(PayloadError):
    """A topic that the contract in ``docs/mqtt.md`` does not know."""

    def __init__(self, topic: str) -> None:
        super().__init__("topic", f"topic {topic!r} is not city/<domain>/<device_id>/<leaf>")
        self.topic = topic


class EngineError(CityOpsError):
    """A database or a broker cannot be had, or did not come up."""


class MigrationError(CityOpsError):
    """An applied migration was changed, or the database is newer than the code."""


class NotFoundError(CityOpsError):
    """No object of this kind has this key."""

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"no {kind} {key!r}")
        self.kind = kind
        self.key = key


class ConflictError(CityOpsError):
    """Someone was faster, or what was asked does not fit where the object stands.

    ``actor``, ``kind`` and ``at`` (ISO 8601) say who did what and when, where one change
    explains it; they are empty where none does.
    """

    def __init__(self, message: str, *, actor: str = "", kind: str = "", at: str = "") -> None:
        super().__init__(message, cure="look at it as it is now, then decide again")
        self.actor = actor
        self.kind = kind
        self.at = at
