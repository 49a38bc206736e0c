"""Why something was not done, in the reader's language.

The interface says it in English, for programs and logs as for people (``detail`` of a problem),
with a stable ``code``. What pages show is looked up here by a pattern of the English; what is
in no table is shown in English after a few words of the reader's.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dashboard.config_faults import PATTERNS
from dashboard.languages import mark, read_catalogue
from dashboard.wording import ROLES, STATUSES


@dataclass(frozen=True, slots=True)
class Complaint:
    """A code for programs, the English as a pattern, and the message with fields of its groups."""

    code: str
    pattern: re.Pattern[str]
    message: str


def _complaint(code: str, pattern: str, message: str) -> Complaint:
    # The patterns of a configuration are a script's too, which writes named groups its own way.
    return Complaint(code, re.compile(pattern.replace("(?<", "(?P<")), message)


COMPLAINTS: Final = (
    _complaint("sign-in-first", r"^sign in first.*", mark("Sign in first.")),
    _complaint(
        "needs-role",
        r"^this needs the rights of the role (?P<word>\w+)$",
        mark("This needs the role: {word}."),
    ),
    _complaint(
        "session-changed",
        r"^the (?:header|form) .*is not this session's.*",
        mark("This page is of an earlier sign-in. Load it anew."),
    ),
    _complaint("wrong-password", r"^the current password is wrong$", mark("The current password is wrong.")),
    _complaint(
        "too-often", r"^too many wrong passwords.*", mark("Too many wrong passwords. Try again later.")
    ),
    _complaint(
        "password-length",
        r"^a password has (?P<least>\d+) to (?P<most>\d+) characters$",
        mark("A password has {least} to {most} characters."),
    ),
    _complaint(
        "password-has-name",
        r"^a password does not have the sign-in name in it$",
        mark("A password does not have the sign-in name in it."),
    ),
    _complaint(
        "bad-name",
        r"^a sign-in name is 2 to 32 of.*",
        mark("A sign-in name is 2 to 32 of a-z, 0-9, dot, dash and underscore, a letter or digit first."),
    ),
    _complaint(
        "name-taken", r"^there is a person (?P<name>'.*') already$", mark("There is a person {name} already.")
    ),
    _complaint(
        "last-administrator",
        r"^(?P<name>'.*') is the only administrator$",
        mark("{name} is the only administrator. Make another one first."),
    ),
    _complaint(
        "alert-open-already",
        r"^another alert of this condition is open already$",
        mark("Another alert of this condition is open already."),
    ),
    _complaint(
        "no-such-assignee",
        r"^there is no active person (?P<name>'.*') who may work on alerts$",
        mark("There is no active person {name} who may work on alerts."),
    ),
    _complaint(
        "alert-changed",
        r"^an alert that is (?P<word>\w+) cannot be \w+$",
        mark("This does not fit any more. The alert's status is: {word}."),
    ),
    _complaint("empty-comment", r"^text: a comment says something$", mark("A comment says something.")),
    _complaint(
        "registered-already",
        r"^device (?P<name>'.*') is registered already$",
        mark("The device {name} is registered already."),
    ),
    _complaint(
        "version-refused",
        r"^version (?P<version>\d+) of the detectors cannot be used: (?P<why>.*)$",
        mark("Version {version} of the detectors cannot be used: {why}"),
    ),
    _complaint(
        "version-in-force",
        r"^version (?P<version>\d+) is in force already$",
        mark("Version {version} is in force already."),
    ),
    _complaint(
        "version-tampered",
        r"^(?P<what>.*) was changed in the database since it was written$",
        mark("{what} was changed in the database since it was written."),
    ),
    _complaint(
        "reason-needed",
        r"^a change of the detectors needs a reason, of at most (?P<most>\d+) characters$",
        mark("Say why, in at most {most} characters."),
    ),
    _complaint(
        "run-ended",
        r"^backtest (?P<run>\d+) (?:has ended.*|does not wait any more)$",
        mark("Backtest {run} has ended."),
    ),
    _complaint(
        "too-many-runs", r"^(?P<count>\d+) backtests wait already$", mark("{count} backtests wait already.")
    ),
    _complaint(
        "start-after-end", r"^start(?:: it)? is not before end$", mark("The start is not before the end.")
    ),
    _complaint(
        "labelled-already",
        r"^the same time of the same devices is labelled so already$",
        mark("The same time of the same devices is labelled so already."),
    ),
    _complaint(
        "label-of-another",
        r"^this label is another's: its author or an administrator takes it back$",
        mark("This label is another's: its author or an administrator takes it back."),
    ),
    _complaint("nothing-here", r"^no [\w ]+ \S+$", mark("There is no such object.")),
    *(_complaint("configuration", pattern, message) for pattern, message in PATTERNS),
)

_STATUSES: Final[Mapping[int, tuple[str, str]]] = {
    401: ("sign-in-first", mark("Sign in first.")),
    403: ("not-allowed", mark("Not allowed: {detail}")),
    404: ("not-found", mark("There is no such object.")),
    409: ("conflict", mark("This does not fit any more: {detail}")),
    413: ("too-large", mark("That is too large.")),
    422: ("unusable", mark("This cannot be used: {detail}")),
    429: ("too-often", mark("Too often. Try again later.")),
    503: ("unavailable", mark("The database cannot be reached. Try again in a moment.")),
}
_OTHER: Final = ("error", mark("Not done: {detail}"))
_WORDS: Final = ROLES | STATUSES


def code_of(status: int, detail: str) -> str:
    """The stable code of a refusal: what it says, else what its status says."""
    found = next((one for one in COMPLAINTS if one.pattern.search(detail)), None)
    return found.code if found else _STATUSES.get(status, _OTHER)[0]


def in_words(detail: str, status: int, language: str) -> str:
    """A refusal in one of `dashboard.languages.CODES`."""
    said = _known(detail, language)
    if said is None:
        said = _message(_STATUSES.get(status, _OTHER)[1], language).replace("{detail}", detail)
    return said


def fault_in_words(detail: str, language: str) -> str:
    """The same of what is wrong with the detectors, which has no status."""
    return _known(detail, language) or detail


def _known(detail: str, language: str) -> str | None:
    for one in COMPLAINTS:
        found = one.pattern.search(detail)
        if found is not None:
            fields = {name: _field(name, value or "", language) for name, value in found.groupdict().items()}
            said = _message(one.message, language).format(**fields)
            return detail[: found.start()] + said + detail[found.end() :]
    return None


def _field(name: str, value: str, language: str) -> str:
    if name == "why":
        return fault_in_words(value, language)
    return _message(_WORDS[value], language) if name == "word" and value in _WORDS else value


def _message(message: str, language: str) -> str:
    return _catalogue(language).get(message, message)


@functools.cache
def _catalogue(language: str) -> Mapping[str, str]:
    return read_catalogue(language)
