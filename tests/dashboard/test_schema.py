"""The interface against its own OpenAPI document: as every role, as a key, and as nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dashboard.auth.access import CSRF_HEADER
from dashboard.auth.client import COOKIE
from store.tokens import csrf_of
from telemetry.people import Role
from tests.dashboard.conftest import Town

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ROLES = [None, *Role]
MANY = 4


@pytest.fixture(scope="module")
def document(town: Town) -> dict[str, Any]:
    return town.get("/api/openapi.json").json()


@pytest.fixture(scope="module")
def operations(town: Town, document: dict[str, Any]) -> list[Any]:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=town.url)
    return [found.ok() for found in schema.get_all_operations()]


@pytest.fixture
def caller(town: Town, request: pytest.FixtureRequest) -> Iterator[requests.Session]:
    """A client of the role the test is about; of nobody for ``None``."""
    with requests.Session() as session:
        session.trust_env = False
        if request.param is not None:
            token = town.token(request.param)
            session.cookies.set(COOKIE, token)
            session.headers[CSRF_HEADER] = csrf_of(token)
        yield session


def needed(operation: Any) -> Role | None:
    role = operation.definition.raw.get("x-role")
    return Role(role) if role else None


def reaches(role: Role | None, operation: Any) -> bool:
    least = needed(operation)
    return least is None or (role is not None and role.rank >= least.rank)


def examples(number: int) -> settings:
    """So many cases, the same in every run."""
    return settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize(("role", "caller"), [(r, r) for r in ROLES], indirect=["caller"], ids=str)
def test_answers_are_as_written_and_no_role_gets_past_its_rights(
    town: Town, operations: list[Any], caller: requests.Session, role: Role | None
):
    for operation in operations:
        allowed = reaches(role, operation)
        number = MANY if needed(operation) is role else 1  # a lesser role asked the rest already

        def ask(case: Any) -> None:
            case.cookies.pop(COOKIE, None)  # it would stand in the place of the caller's own
            case.headers.pop("Authorization", None)
            answer = case.call(session=caller)
            case.validate_response(answer, checks=CHECKS)
            if allowed:  # noqa: B023  (asked at once)
                assert answer.status_code != 401
            else:
                assert answer.status_code == (401 if role is None else 403)

        modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE) if allowed else (GenerationMode.POSITIVE,)
        for mode in modes:
            cases = operation.as_strategy(generation_mode=mode)
            # Where nothing is asked for, nothing can be asked wrongly.
            with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
                examples(number)(given(case=cases)(ask))()


ENGINEERS = ("/labels/export", "/inbox", "/quarantine", "/replays", "/backtests", "/shadows")


def test_every_operation_but_the_open_ones_names_its_role(document: dict[str, Any]):
    roles = {
        (method, path): operation.get("x-role")
        for path, found in document["paths"].items()
        for method, operation in found.items()
    }
    assert {key for key, role in roles.items() if role is None} == {("get", "/healthz"), ("get", "/readyz")}
    for (method, path), role in roles.items():
        if "/people" in path or "/keys" in path or "/audit" in path:
            assert role == "administrator", (method, path)
        elif any(part in path for part in ENGINEERS) or (
            any(part in path for part in ("/detection/versions", "/labels")) and method != "get"
        ):
            assert role == "engineer", (method, path)
        elif method != "get" and "/session" not in path:
            assert role == "operator", (method, path)
