"""Languages: gettext catalogues, and numbers and times as each language writes them.

Message ids are the English sentences. Catalogues are read from their ``.po`` files, so
what is reviewed is what runs; ``pybabel extract -k t -k mark`` finds new messages.
Nothing is translated on import: a layout or a callback asks for the reader's `Language`
and calls `Language.t`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from importlib import resources
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CODES = ("vi", "en")
"""Languages of the pages; the first is the default."""
COOKIE = "lang"
_YEAR_S = 365 * 24 * 3600
_LOCALES = {"vi": "vi_VN", "en": "en_GB"}

_requested: ContextVar[str] = ContextVar("language", default=CODES[0])


def mark(message: str) -> str:
    """Mark a message for the catalogues where it stands in a table; translates nothing."""
    return message


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its catalogue, locale and the city's clock."""

    code: str
    locale: Locale
    zone: ZoneInfo
    messages: Mapping[str, str]

    def t(self, message: str, **values: object) -> str:
        """The message in this language, its ``{name}`` fields filled from ``values``."""
        text = self.messages.get(message) or message
        return text.format(**values) if values else text

    def number(self, value: float, decimals: int = 0) -> str:
        """A number with this language's separators: ``1,52`` in Vietnamese."""
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        said = format_decimal(value, format=pattern, locale=self.locale)
        return said.replace("-", "\N{MINUS SIGN}", 1)

    def signed(self, value: float, decimals: int = 0) -> str:
        """A number with its sign: ``+1,5`` in Vietnamese."""
        return ("+" if value >= 0 else "\N{MINUS SIGN}") + self.number(abs(value), decimals)

    def quantity(self, value: float, decimals: int, unit: str) -> str:
        """A number and its unit, kept on one line."""
        return f"{self.number(value, decimals)}\N{NO-BREAK SPACE}{unit}".rstrip()

    def time(self, moment: datetime) -> str:
        """Hour and minute on the city's clock."""
        return format_datetime(moment, "HH:mm", tzinfo=self.zone, locale=self.locale)

    def day_time(self, moment: datetime) -> str:
        """Hour, minute and day on the city's clock."""
        return format_datetime(moment, "HH:mm dd/MM", tzinfo=self.zone, locale=self.locale)

    def pick(self, name_vi: str, name_en: str) -> str:
        """The name of a thing that carries both."""
        return name_vi if self.code == "vi" else name_en


def load_languages(timezone: str) -> dict[str, Language]:
    """Every language by code, its catalogue read from ``locale/<code>/LC_MESSAGES``."""
    zone = ZoneInfo(timezone)
    return {code: Language(code, Locale.parse(_LOCALES[code]), zone, read_catalogue(code)) for code in CODES}


def read_catalogue(code: str) -> dict[str, str]:
    """Messages of one language; fuzzy ones are left out, they are guesses."""
    path = resources.files("dashboard") / "locale" / code / "LC_MESSAGES" / "cityops.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale=_LOCALES[code])
    return {
        str(message.id): str(message.string)
        for message in catalogue
        if message.id and message.string and not message.fuzzy
    }


def requested_language() -> str:
    """Code of the language that the request being answered asks for."""
    return _requested.get()


class LanguageMiddleware:
    """Finds a request's language: ``?lang=`` first, which also sets the cookie, then the cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the language set for everything below."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = _known(parse_qs(scope["query_string"].decode("latin-1")).get("lang", [""])[-1])
        token = _requested.set(asked or _cookie_language(scope) or CODES[0])
        page = asked and not scope["path"].startswith("/api/")

        async def send_with_cookie(message: Message) -> None:
            if page and message["type"] == "http.response.start":
                cookie = f"{COOKIE}={asked}; Path=/; Max-Age={_YEAR_S}; SameSite=Lax"
                MutableHeaders(scope=message).append("Set-Cookie", cookie)
            await send(message)

        try:
            await self.app(scope, receive, send_with_cookie)
        finally:
            _requested.reset(token)


def _cookie_language(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                morsel = SimpleCookie(value.decode("latin-1")).get(COOKIE)
            except CookieError:
                return ""
            return _known(morsel.value) if morsel else ""
    return ""


def _known(code: str) -> str:
    return code if code in CODES else ""
