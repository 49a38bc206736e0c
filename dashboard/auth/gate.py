"""A page's role holds for what answers on the server, not for its link in the header alone.

`shell.mount_pages` puts every page behind it: the layout of who may not see a page says so,
and a callback of that page answers 403, whatever the page itself checks.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from dash import html
from starlette.exceptions import HTTPException

from dashboard.auth.identity import current_identity
from dashboard.languages import Language
from dashboard.wording import role_name
from telemetry.people import Role


def guarded_layout(
    layout: Callable[..., Any], role: Role, reader_language: Callable[[], Language]
) -> Callable[..., Any]:
    """The layout, for who has the role; what an address carries besides text is left out of it."""

    @functools.wraps(layout)
    def answer(**asked: Any) -> Any:
        if not current_identity().allows(role):
            return refusal(role, reader_language())
        return layout(**_texts(asked))

    return answer


def guarded_callback(handler: Callable[..., Any], role: Role) -> Callable[..., Any]:
    """The callback, for who has the role; 403 for everyone else."""
    if inspect.iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def answer_later(*values: Any, **named: Any) -> Any:
            _check(role)
            return await handler(*values, **named)

        return answer_later

    @functools.wraps(handler)
    def answer(*values: Any, **named: Any) -> Any:
        _check(role)
        return handler(*values, **named)

    return answer


def refusal(role: Role, language: Language) -> html.Main:
    """What stands in the place of a page its reader may not see."""
    needed = language.t("This page needs the role of {role} or a higher one.", role=role_name(language, role))
    return html.Main(
        html.Div(
            [
                html.P(needed, className="empty__title"),
                html.P(language.t("Ask an administrator for it.")),
            ],
            className="empty",
            role="alert",
        ),
        className="page",
    )


def _check(role: Role) -> None:
    if not current_identity().allows(role):
        raise HTTPException(403, f"this needs the rights of the role {role}")


def _texts(asked: dict[str, str | list[str]]) -> dict[str, str]:
    # A key twice in an address makes a list; ``runtime`` is the layouts' own first argument.
    last = {key: value if isinstance(value, str) else "".join(value[-1:]) for key, value in asked.items()}
    last.pop("runtime", None)
    return last
