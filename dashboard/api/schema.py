"""What the OpenAPI document says of rights and errors: taken from the routes, so that it cannot differ.

Every operation carries ``x-role``, the least role it answers to (none: it is open to all), and
how a caller proves who they are. Errors are ``application/problem+json``.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from dashboard.auth.access import CSRF_HEADER
from dashboard.auth.client import COOKIE
from telemetry.people import SCOPE_OF, Role

_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_SCHEMES: Final[dict[str, Any]] = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"Of a person who signed in. What changes something also sends `{CSRF_HEADER}`.",
    },
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key; it also needs the scope that belongs to the operation's role.",
    },
}
_REFUSALS: Final = {
    "401": "No one has signed in, or the key does not hold",
    "403": "The role or the key's scopes do not reach, or the session's token is missing",
}


def document_rights(api: FastAPI) -> None:
    """Let the app's OpenAPI document tell the rights of every route."""
    plain = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            document = plain()
            document["components"]["securitySchemes"] = _SCHEMES
            for operations in document["paths"].values():
                for operation in operations.values():
                    _amend(operation)
        return plain()

    api.openapi = openapi


def _needed(operation: dict[str, Any]) -> Role | None:
    """The least role of an operation: FastAPI has written down the `Needs` of its route by name."""
    named = {name for way in operation.get("security", ()) for name in way}
    return max((Role(name) for name in named), key=lambda role: role.rank, default=None)


def _amend(operation: dict[str, Any]) -> None:
    role = _needed(operation)
    responses: dict[str, Any] = operation["responses"]
    if role is not None:
        operation["x-role"] = str(role)
        operation["security"] = [{"session": []}, {"key": []}]
        scope = f"Role: `{role}`; a key needs the scope `{SCOPE_OF[role]}`."
        operation["description"] = f"{operation.get('description', '')}\n\n{scope}".strip()
        for status, description in _REFUSALS.items():
            responses[status] = _problem(description)
    if "requestBody" in operation:
        responses["400"] = _problem("The body cannot be read")
    for response in responses.values():
        content = response.get("content", {})
        if content.get("application/json", {}).get("schema") == _PROBLEM:
            response["content"] = {"application/problem+json": {"schema": _PROBLEM}}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _PROBLEM}}}
