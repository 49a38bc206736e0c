"""How a route reaches the runtime, and how errors are answered."""

from __future__ import annotations

from typing import Annotated, Any

import psycopg
import psycopg_pool
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from dashboard.api.models import Problem
from dashboard.complaints import code_of, in_words
from dashboard.languages import requested_language
from dashboard.runtime import Runtime
from telemetry.errors import ConfigError, ConflictError, NotFoundError
from telemetry.people import RightsError

PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "There is no such object"},
    422: {"model": Problem, "description": "A parameter cannot be used; ``detail`` says which"},
    503: {"model": Problem, "description": "The database cannot be reached"},
}
"""What every route can answer besides its own."""

_TITLES = {
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    409: "In conflict",
    405: "Method not allowed",
    413: "Too large",
    429: "Too often",
    422: "Cannot be used",
    503: "Not available",
}


def runtime_of(request: Request) -> Runtime:
    """The runtime of the app that answers."""
    return request.app.state.runtime


RuntimeAccess = Annotated[Runtime, Depends(runtime_of)]


def problem(status: int, detail: str) -> JSONResponse:
    """An error as ``application/problem+json``."""
    title = _TITLES.get(status, "Error")
    said = in_words(detail, status, requested_language())
    found = Problem(title=title, status=status, detail=detail, code=code_of(status, detail), said=said)
    body = found.model_dump()
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def answer_errors(api: FastAPI) -> None:
    """Answer every error as a problem, and none with a trace."""

    @api.exception_handler(NotFoundError)
    async def not_found(_: Request, error: NotFoundError) -> JSONResponse:
        return problem(404, error.message)

    @api.exception_handler(ConflictError)
    async def conflict(_: Request, error: ConflictError) -> JSONResponse:
        return problem(409, error.message)

    @api.exception_handler(RightsError)
    async def against_the_rules(_: Request, error: RightsError) -> JSONResponse:
        return problem(409, error.message)

    @api.exception_handler(ConfigError)
    async def cannot_be_used(_: Request, error: ConfigError) -> JSONResponse:
        return problem(422, error.message)

    @api.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        answer = problem(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @api.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        parts = (f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in error.errors())
        return problem(422, "; ".join(parts))

    @api.exception_handler(psycopg.DataError)
    async def not_for_the_database(_: Request, __: Exception) -> JSONResponse:
        return problem(422, "a parameter holds something that cannot be kept, such as a NUL character")

    @api.exception_handler(psycopg.OperationalError)
    @api.exception_handler(psycopg_pool.PoolTimeout)
    async def unavailable(_: Request, __: Exception) -> JSONResponse:
        return problem(503, "the database cannot be reached; try again in a moment")
