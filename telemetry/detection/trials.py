"""Trials: what a backtest is told besides a configuration and a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from telemetry.detection.configuration import Configuration
from telemetry.detection.selectors import Selector
from telemetry.errors import ConfigError

MOST_POINTS = 500
"""Of a sweep: a grid grows faster than one thinks."""

_CURE = "see `cityops backtest --help`"


class TrialOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a backtest.

    Parameters
    ----------
    select
        Streams that are scored: those any of these take, all where there are none. The
        others only keep the city's clock going.
    cadence_s
        Readings measured within one such step arrive together at its end, as a commit.
        0: the usual interval of the fastest stream, at least 5 s.
    train_days
        How much before the start, and later before each fit, detectors learn from.
    refit_h
        Hours between two fits. Live it is 1; a model of a week hardly changes in a day,
        and fitting is most of the work where it is done hourly.
    seed
        Of the random baseline in the metrics; detectors have their own in their parameters.
    """

    select: tuple[Selector, ...] = ()
    cadence_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0
    train_days: Annotated[float, msgspec.Meta(gt=0, le=400)] = 7.0
    refit_h: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 24.0
    seed: int = 0


def trial_options(document: Mapping[str, Any]) -> TrialOptions:
    """Options from plain types; `ConfigError` names the key that is wrong."""
    try:
        return msgspec.convert(document, TrialOptions)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$.")
        raise ConfigError(f"{path.rstrip('`') or 'options'}: {what}", cure=_CURE) from error


def selector_of(text: str) -> Selector:
    """A selector from ``domain=drainage zone=760,774``: keys with values; a tag is ``tags.road=…``.

    Raises
    ------
    ConfigError
        Naming what is wrong.
    """
    document: dict[str, Any] = {}
    for word in text.split():
        key, is_there, values = word.partition("=")
        _require(bool(is_there and values), f"select: {word!r}: say KEY=VALUE or KEY=VALUE,VALUE")
        tag = key.removeprefix("tags.")
        into = document if tag == key else document.setdefault("tags", {})
        into[tag] = values.split(",")
    _require(bool(document), "select: it names nothing")
    try:
        return msgspec.convert(document, Selector)
    except msgspec.ValidationError as error:
        raise ConfigError(f"select: {text!r}: {error}", cure=_CURE) from error


def axis_of(text: str) -> tuple[str, list[Any]]:
    """One parameter of a sweep and its values, from ``detector.params.key=a,b,c``.

    Values are numbers, ``true`` or ``false`` where they can be read so, words else.
    """
    path, _, values = text.partition("=")
    _require(bool(path and values), f"sweep: {text!r}: say DETECTOR.params.KEY=VALUE,VALUE")
    return path, [_value(word) for word in values.split(",")]


def with_parameter(configuration: Configuration, path: str, value: Any) -> Configuration:
    """A configuration with one detector's parameter changed; ``path`` is ``detector.params.key``.

    Raises
    ------
    ConfigError
        There is no such detector, or its kind has no such parameter or value.
    """
    name, _, key = path.partition(".params.")
    _require(bool(name and key), f"{path!r}: say DETECTOR.params.KEY")
    if name not in {spec.name for spec in configuration.detector}:
        known = ", ".join(spec.name for spec in configuration.detector)
        raise ConfigError(f"{path}: there is no detector {name!r}", cure=f"one of {known}")
    specs = tuple(
        msgspec.structs.replace(spec, params={**spec.params, key: value}) if spec.name == name else spec
        for spec in configuration.detector
    )
    for spec in specs:
        spec.parameters()
    return msgspec.structs.replace(configuration, detector=specs)


def points_of(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of a grid's values; the last parameter changes first."""
    n = math.prod(len(values) for values in grid.values())
    if not 0 < n <= MOST_POINTS:
        raise ConfigError(
            f"a sweep of {n} runs", cure=f"give every parameter a value, and at most {MOST_POINTS} runs"
        )
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def _value(word: str) -> Any:
    try:
        return msgspec.json.decode(word)
    except msgspec.DecodeError:
        return word


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(message, cure=_CURE)
