"""Signing in from a program that opens pages, as the form does: for pictures and benchmarks."""

from __future__ import annotations

import urllib.error
import urllib.request
from email.message import Message
from http.client import HTTPResponse
from http.cookies import SimpleCookie
from typing import IO
from urllib.parse import urlencode

COOKIE = "cityops_session"


class _Stay(urllib.request.HTTPRedirectHandler):
    """The redirect is the answer: the session's cookie comes with it."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message | HTTPResponse,
        newurl: str,
    ) -> None:
        """Go nowhere."""


def sign_in(url: str, name: str, password: str) -> str:
    """The token of a new session.

    Raises
    ------
    PermissionError
        The name or the password is wrong.
    """
    # A proxy of the environment is for the world outside, not for this machine.
    direct = urllib.request.build_opener(_Stay(), urllib.request.ProxyHandler({}))
    form = urlencode({"username": name, "password": password}).encode()
    try:
        direct.open(f"{url}/sign-in", form, timeout=30).close()
    except urllib.error.HTTPError as answer:
        cookie = SimpleCookie(answer.headers.get("Set-Cookie", ""))
        if COOKIE in cookie:
            return cookie[COOKIE].value
        raise PermissionError(f"signing in as {name} was refused with {answer.code}") from answer
    raise PermissionError(f"signing in as {name} was refused")
