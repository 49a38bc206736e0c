"""Who is asking."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from dashboard.api.access import PROBLEMS
from dashboard.api.models import Answer
from dashboard.auth.access import ViewerAccess
from dashboard.auth.identity import current_caller

router = APIRouter(responses=PROBLEMS, tags=["people"])


class SessionOut(Answer):
    """The one who asks, and what they may do."""

    name: str
    role: str
    kind: Annotated[str, Field(description="`session` of a person, or `key` of a program")]
    scopes: list[str]
    csrf: Annotated[str, Field(description="To send as X-CSRF-Token with what changes something")]


@router.get("/session")
async def read_session(identity: ViewerAccess) -> SessionOut:
    """Who sends this request."""
    return SessionOut(
        name=identity.name,
        role=identity.role,
        kind=identity.kind,
        scopes=sorted(identity.scopes),
        csrf=current_caller().csrf,
    )
