"""The sign-in page, and signing out: plain forms, which work without scripts."""

from __future__ import annotations

import asyncio
import hmac
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse

from dashboard.appearance import requested_face
from dashboard.auth.client import COOKIE
from dashboard.auth.identity import current_caller
from dashboard.auth.signing import Attempt, Refusal, sign_in, sign_out
from dashboard.auth.verifier import Verifier, session_token
from dashboard.languages import CODES, Language, mark, requested_language
from dashboard.runtime import Runtime
from dashboard.security import same_origin

_MOST_BYTES = 8_192
_SAID = {
    Refusal.WRONG: mark("The name or the password is wrong."),
    Refusal.TOO_OFTEN: mark("Too many attempts. Try again in {minutes} minutes."),
}
_STATUS = {Refusal.WRONG: 401, Refusal.TOO_OFTEN: 429}
_PAGE = """<!DOCTYPE html>
<html lang="{lang}" data-mantine-color-scheme="{face}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="{face}">
<title>{title} · CityOps</title>
<link rel="icon" href="/_favicon.ico">
<link rel="stylesheet" href="/vendor/theme.css">
<link rel="stylesheet" href="/assets/base.css">
<link rel="stylesheet" href="/assets/people.css">
</head>
<body class="gate">
<main class="gate__card">
<div class="brand"><span class="brand__sign" aria-hidden="true"></span>
<div><h1 class="brand__city">{city}</h1><p class="brand__what">{what}</p></div></div>
<form method="post" action="/sign-in" class="gate__form">
{notice}
<label class="entry">{name_label}<input name="username" autocomplete="username" autocapitalize="none"
 spellcheck="false" required autofocus maxlength="64" value="{name}"></label>
<label class="entry">{password_label}<input name="password" type="password" autocomplete="current-password"
 required maxlength="256"></label>
<input type="hidden" name="next" value="{next}">
<button class="button button--main" type="submit">{submit}</button>
</form>
<nav class="switch" aria-label="{language_label}">{languages}</nav>
</main>
</body>
</html>"""


def pages_router(runtime: Runtime, verifier: Verifier) -> APIRouter:
    """``/sign-in`` and ``/sign-out``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/sign-in")
    async def show(next: str = "/") -> Response:  # noqa: A002  (the name in the address)
        return _page(runtime, local_path(next))

    @router.post("/sign-in")
    async def enter(request: Request) -> Response:
        if not same_origin(request.headers):
            raise HTTPException(403, "the request comes from a page of another site")
        form = await read_form(request)
        following = local_path(form.get("next", "/"))
        address = request.client.host if request.client else ""
        attempt = Attempt(form.get("username", ""), form.get("password", ""), address)
        result = await asyncio.to_thread(sign_in, runtime, attempt)
        if isinstance(result, Refusal):
            return _page(runtime, following, result, attempt.name)
        if former := session_token(request):
            await asyncio.to_thread(sign_out, runtime, attempt.name.strip().lower(), former)
            verifier.forget(former)
        answer = RedirectResponse(following, 303, {"Cache-Control": "no-store"})
        answer.set_cookie(
            COOKIE,
            result,
            max_age=round(runtime.settings.sign_in.lasts_h * 3600),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return answer

    @router.post("/sign-out")
    async def leave(request: Request) -> Response:
        caller, form = current_caller(), await read_form(request)
        if not hmac.compare_digest(form.get("csrf", "").encode(), caller.csrf.encode()):
            raise HTTPException(403, "the form is not this session's")
        token = session_token(request)
        await asyncio.to_thread(sign_out, runtime, caller.identity.name, token)
        verifier.forget(token)
        answer = RedirectResponse("/sign-in", 303, {"Cache-Control": "no-store"})
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return answer

    return router


def local_path(wanted: str) -> str:
    """The path to go on to: of this server, or the first page."""
    parts = urlsplit(wanted) if wanted.isprintable() and "\\" not in wanted else None
    local = parts and not parts.scheme and not parts.netloc and wanted.startswith("/")
    if not local or wanted.startswith(("//", "/sign-", "/api/v1", "/_dash")):
        return "/"
    return wanted


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a plain form; 413 for a body no form of ours has."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, "the form is too large")
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


def _page(runtime: Runtime, following: str, refusal: Refusal | None = None, name: str = "") -> Response:
    language = runtime.languages[requested_language()]
    texts = {
        "lang": language.code,
        "face": requested_face(),
        "title": language.t("Sign in"),
        "city": language.pick(runtime.city.name_vi, runtime.city.name_en),
        "what": language.t("Operations centre"),
        "name_label": language.t("Name"),
        "password_label": language.t("Password"),
        "submit": language.t("Sign in"),
        "language_label": language.t("Language"),
        "name": name[:64],
        "next": following,
    }
    made = {key: escape(text) for key, text in texts.items()}
    notice, minutes = "", runtime.settings.sign_in.window_min
    if refusal:
        said = language.t(_SAID[refusal], minutes=language.number(minutes))
        notice = f'<p class="gate__notice" role="alert">{escape(said)}</p>'
    page = _PAGE.format(notice=notice, languages=_languages(language, following), **made)
    headers = {"Cache-Control": "no-store"}
    if refusal is Refusal.TOO_OFTEN:
        headers["Retry-After"] = str(round(minutes * 60))
    return HTMLResponse(page, _STATUS[refusal] if refusal else 200, headers)


def _languages(language: Language, following: str) -> str:
    links: list[str] = []
    for code in CODES:
        here = ' aria-current="true"' if code == language.code else ""
        address = escape("/sign-in?" + urlencode({"lang": code, "next": following}))
        links.append(f'<a class="switch__item" lang="{code}" href="{address}"{here}>{code.upper()}</a>')
    return "".join(links)
