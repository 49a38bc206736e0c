"""What a route needs: ``identity: OperatorAccess`` as a parameter is the whole of it.

401 where no one has signed in, 403 where the role or the key's scopes do not reach. A
request that can change something and comes with a session's cookie must also carry the
session's token in ``X-CSRF-Token``: another site can make a browser send the cookie, but
cannot read the token.
"""

from __future__ import annotations

import hmac
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBase
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException

from dashboard.auth.identity import current_caller, current_identity
from telemetry.people import Identity, Role

__all__ = [
    "CSRF_HEADER",
    "AdministratorAccess",
    "EngineerAccess",
    "Needs",
    "OperatorAccess",
    "ViewerAccess",
    "current_identity",
    "viewer",
]

CSRF_HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Needs(SecurityBase):
    """A route's dependency: the caller, where they have the role; an error where not.

    Its name in the OpenAPI document is the role's: `dashboard.api.schema` reads it there.
    """

    def __init__(self, role: Role) -> None:
        self.role = role
        self.scheme_name = str(role)
        self.model = HTTPBase(scheme="bearer")

    # Async: a plain function would run in a thread for each request.
    async def __call__(self, request: Request) -> Identity:
        """Who asks."""
        caller = current_caller()
        if not caller.identity.name:
            raise HTTPException(401, "sign in first", headers={"WWW-Authenticate": "Bearer"})
        if not caller.identity.allows(self.role):
            raise HTTPException(403, f"this needs the rights of the role {self.role}")
        given = request.headers.get(CSRF_HEADER, "")
        from_browser = caller.identity.kind == "session" and request.method not in _SAFE
        if from_browser and not hmac.compare_digest(given.encode(), caller.csrf.encode()):
            raise HTTPException(403, f"the header {CSRF_HEADER} is not this session's token")
        return caller.identity


viewer = Needs(Role.VIEWER)
"""For a router, where no route needs to know who asks."""

ViewerAccess = Annotated[Identity, Depends(viewer)]
OperatorAccess = Annotated[Identity, Depends(Needs(Role.OPERATOR))]
EngineerAccess = Annotated[Identity, Depends(Needs(Role.ENGINEER))]
AdministratorAccess = Annotated[Identity, Depends(Needs(Role.ADMINISTRATOR))]
