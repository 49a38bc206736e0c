"""Parameters of the group detector."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from telemetry.alerts import Severity
from telemetry.detection.floors import Floor
from telemetry.detection.levels import Level, check_levels
from telemetry.detection.params import NotNegative, Positive, Share

Chart = Literal["mewma", "spe"]

ATTRIBUTES = ("device", "zone", "kind", "domain", "metric")
"""What of a stream may make a group, beside its device's tags."""

_TAG = re.compile(r"tag:[A-Za-z0-9_\-]{1,48}")


class GroupsParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which streams make a group, and when the group as a whole is strange.

    Streams that are alike in everything ``group_by`` names (``device``, ``zone``,
    ``kind``, ``domain``, ``metric``, ``tag:NAME``) are a group, if they are at least
    ``least_members``; more than ``most_members`` are not taken in. A stream whose device
    lacks a tag named is in none.

    Members are read as means of ``step_s``, a step being over ``wait_s`` after its end;
    a member says nothing of a step that is older than ``carried_intervals`` of its
    usual intervals. Deviations from the usual week, at most ``clip_z`` robust spreads,
    are taken from a slow level (time constant ``level_s``) and smoothed (``smoothed_s``).
    The level is frozen while the group is strange, for ``frozen_s`` at most.

    ``charts`` are ``mewma`` (T² of the smoothed deviations: all of the group) and
    ``spe`` (what the common movement, components that explain ``explained`` of the
    variance, leaves over: sensors that disagree). The score is each as a multiple of
    its control limit: the ``quantile`` of the group's own history, or of the theory
    where that is more. A group of which less than ``least_share`` is heard says
    nothing, nor do members with less than ``least_days`` of history.
    """

    group_by: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("device",)
    least_members: Annotated[int, msgspec.Meta(ge=2, le=64)] = 2
    most_members: Annotated[int, msgspec.Meta(ge=2, le=64)] = 40
    step_s: Positive = 300.0
    wait_s: NotNegative = 30.0
    carried_intervals: Positive = 2.5
    smoothed_s: Positive = 600.0
    level_s: Positive = 21_600.0
    frozen_s: NotNegative = 43_200.0
    clip_z: Positive = 10.0
    charts: Annotated[tuple[Chart, ...], msgspec.Meta(min_length=1)] = ("mewma",)
    explained: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.8
    quantile: Annotated[float, msgspec.Meta(gt=0.5, lt=1)] = 0.99
    least_share: Share = 0.5
    least_days: Positive = 2.0
    levels: Annotated[tuple[Level, ...], msgspec.Meta(min_length=1)] = (
        Level(Severity.MINOR, 16.0),
        Level(Severity.MAJOR, 40.0),
    )
    clear: Positive = 3.0
    floors: Mapping[str, Floor] = {}

    def __post_init__(self) -> None:
        check_levels(self.levels, self.clear)
        for name in self.group_by:
            if name not in ATTRIBUTES and _TAG.fullmatch(name) is None:
                known = ", ".join(ATTRIBUTES)
                raise ValueError(f"group_by: {name[:60]!r} is none of {known}, tag:NAME")
        if len(set(self.charts)) < len(self.charts):
            raise ValueError("a chart stands twice in charts")
        if self.wait_s > self.step_s:
            raise ValueError("wait_s is longer than step_s")
        if self.least_members > self.most_members:
            raise ValueError("least_members is above most_members")
