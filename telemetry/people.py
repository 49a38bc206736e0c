"""People and programs that use the operations center, and what each may do.

Four roles, each with the rights of those before it. A program's key carries scopes and
acts for the person who made it: it may do what both its scopes and that person may.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from telemetry.errors import CityOpsError, ConfigError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")


class Role(StrEnum):
    """What a person may do; each role may do what those above it may."""

    VIEWER = "viewer"
    """Look at everything that is shown."""
    OPERATOR = "operator"
    """Work on alerts."""
    ENGINEER = "engineer"
    """Change devices and limits, read what was quarantined."""
    ADMINISTRATOR = "administrator"
    """People, keys, the audit log."""

    @property
    def rank(self) -> int:
        """0 for the least, 3 for the most."""
        return _RANKS[self]


_RANKS: Final[dict[Role, int]] = {role: rank for rank, role in enumerate(Role)}


class Scope(StrEnum):
    """What a key may be used for; one for each role."""

    READ = "read"
    OPERATE = "operate"
    CONFIGURE = "configure"
    ADMINISTER = "administer"


SCOPE_OF: Final[dict[Role, Scope]] = dict(zip(Role, Scope, strict=True))
"""The scope a key needs for what a role may do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. ``scopes`` bound what a key may do; a session has them all."""

    name: str
    role: Role
    kind: Literal["session", "key"] = "session"
    scopes: frozenset[Scope] = frozenset(Scope)

    def allows(self, needed: Role) -> bool:
        """Whether this one may do what ``needed`` may."""
        return self.role.rank >= needed.rank and SCOPE_OF[needed] in self.scopes


NOBODY: Final = Identity("", Role.VIEWER, scopes=frozenset())
"""Stands where no one has signed in; it may do nothing."""


class RightsError(CityOpsError):
    """Someone asked for what they may not do, or for a change that would break the rules."""


def check_name(name: str) -> str:
    """A sign-in name as it is kept: lower case.

    Raises
    ------
    ConfigError
        Where it is not 2 to 32 letters, digits, dots, dashes or underscores.
    """
    made = name.strip().lower()
    if _NAME.fullmatch(made) is None:
        raise ConfigError(
            "a sign-in name is 2 to 32 of a-z, 0-9, dot, dash and underscore; a letter or digit is first",
            cure="choose another name",
        )
    return made
