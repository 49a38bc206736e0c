"""What is wrong with a configuration, in the reader's language.

The interface says it in English, for programs and logs as for people. Pages look the usual
complaints up here: a pattern of the English, which the page's script matches, and the
message. The key that is wrong stands before the complaint, and stays as it is.
"""

from __future__ import annotations

from typing import Final

from dashboard.languages import Language, mark

PATTERNS: Final[tuple[tuple[str, str], ...]] = (
    (r"Object contains unknown field `(?<key>[^`]*)`", mark("there is no key `{key}` here")),
    (r"Object missing required field `(?<key>[^`]*)`", mark("the key `{key}` is missing")),
    (
        r"Expected `array` of length (?<sign>[<>]=) (?<count>\d+)",
        mark("must be a list of {sign} {count} entries"),
    ),
    (r"Expected `str` of length (?<sign>[<>]=) (?<count>\d+)", mark("must be {sign} {count} letters long")),
    (r"Expected `(?<type>[^`]*)`, got `(?<got>[^`]*)`", mark("must be `{type}`, not `{got}`")),
    (r"Expected `(?:int|float)` (?<sign>[<>]=?) (?<bound>\S+)", mark("must be a number {sign} {bound}")),
    (r"Invalid enum value '?(?<value>[^']*)'?", mark("{value} is none of the possible values")),
    (r"no detector (?<kind>'.*')$", mark("there is no kind of detector {kind}")),
    (r"there is no (?<names>(?:metric )?'.*')$", mark("there is no {names}")),
    (r"(?<what>\S.*) stands twice(?: in (?<where>\w+))?$", mark("{what} stands twice")),
    (r"(?<value>'.*') is no name$", mark("{value} is no name: small letters, digits and dashes")),
    (
        r"(?<name>'.*') is a name of the platform's own$",
        mark("the platform keeps the name {name} for itself"),
    ),
    (
        r"(?<key>clear\w*) (?<value>\S+) is above the lowest (?:level|step), (?<least>\S+)$",
        mark("{key} {value} is above the lowest level, {least}"),
    ),
    (r"clear_at must lie below warn_at", mark("clear_at must lie below warn_at")),
    (r"least_members is above most_members", mark("least_members is above most_members")),
    (r"wait_s is longer than step_s", mark("wait_s is longer than step_s")),
    (r"clear_per_h lies beyond per_h", mark("clear_per_h lies beyond per_h")),
    (
        r"components and recent_steps must be fewer than window_steps",
        mark("components and recent_steps must be fewer than window_steps"),
    ),
    (r"only \[\[detector\]\] tables are known here", mark("only [[detector]] tables are known here")),
    (
        r"(?<what>[^:]*) \(at line (?<line>\d+), column (?<column>\d+)\)$",
        mark("this is no TOML at column {column} ({what})"),
    ),
    (r"(?<what>[^:]*) \(at end of document\)$", mark("the TOML ends too soon ({what})")),
    (
        r"version (?<now>\d+) is in force by now, and this was made from version (?<then>\d+)",
        mark("version {now} is in force by now, and this was made from version {then}: open it anew"),
    ),
    (
        r"version (?<now>\d+) is in force and says the same",
        mark("version {now} is in force and says the same"),
    ),
)
"""A script's regular expressions with named groups, and messages with fields of those names."""


def fault_texts(language: Language) -> list[tuple[str, str]]:
    """Patterns and what to say in their place, for the page's script."""
    return [(pattern, language.t(message)) for pattern, message in PATTERNS]
