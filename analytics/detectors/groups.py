"""Groups: sensors that belong together, strange as a whole or among themselves.

The members of a group (a feeder's measurements, the detectors of a road, a substation's
feeders) are read on a common grid, as deviations from their own usual week and from a slow
level of their own, and watched on the charts of `analytics.detectors.charts`. The level is
frozen while the group is strange, so that what is wrong does not become usual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.detectors import charts
from analytics.detectors.base import Setup
from analytics.detectors.charts import CHARTS
from analytics.detectors.grid import StepMeans, in_steps
from analytics.detectors.group_models import GroupModels, fit_groups
from analytics.detectors.membership import NOBODY, Membership, group_key
from analytics.roster import Roster, Rows, runs
from analytics.rounds import NEVER
from analytics.scores import Scores, Term
from analytics.seasons import usual_at
from analytics.times import SECOND, to_local
from telemetry.detection import DetectorSpec
from telemetry.detection.floors import HOURLY, with_own
from telemetry.detection.groups import GroupsParams
from telemetry.devices import Device

_OUTSIDE = -1
_TOLD = 8
"""Most contributors a finding names."""
_USUAL_SPREADS = 3.0
"""Half the usual range of a member, in its spreads."""
_MEMBER_STATE = ("last", "level", "smooth", "held", "held_step")
_GROUP_STATE = ("running", "strange_since")


@dataclass(frozen=True, slots=True)
class _Look:
    """Some groups at a step. Shapes ``(n,)`` for groups, ``(n, m)`` for their seats."""

    groups: NDArray[np.int64]
    steps: NDArray[np.int64]
    seats: NDArray[np.int64]
    heard: NDArray[np.bool_]
    value: NDArray[np.float64]
    expected: NDArray[np.float64]
    scale: NDArray[np.float64]


class Groups:
    """Control charts over the members of each group. Silent until a model was learnt.

    State of members, each ``(n_members,)``: the slow ``level`` and the ``smooth``
    deviation from it, in spreads; ``held``, the last mean, of step ``held_step``. Of
    groups: ``running``, the step that runs, and ``strange_since``, a step.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._params: GroupsParams = setup.params
        self._floor_of = with_own(HOURLY, self._params.floors)
        self._zone = ZoneInfo(setup.city.timezone)
        self._step_us = round(self._params.step_s * SECOND)
        self._slow = charts.forgetting(self._params.step_s, self._params.level_s)
        self._quick = charts.forgetting(self._params.step_s, self._params.smoothed_s)
        self._charts = np.array([CHARTS.index(name) for name in sorted(self._params.charts)])
        self._means = StepMeans(self._step_us)
        self._members = Membership(self._params.most_members)
        self._models = GroupModels()
        self._roster = Roster.of((), ())
        self._place = np.empty(0, np.int64)
        self._term = np.empty(0, np.int64)
        self._n_terms = 0
        self._last = np.empty(0, np.int64)
        self._level = np.empty(0, np.float64)
        self._smooth = np.empty(0, np.float64)
        self._held = np.empty(0, np.float64)
        self._held_step = np.empty(0, np.int64)
        self._running = np.empty(0, np.int64)
        self._strange_since = np.empty(0, np.int64)

    def extend(self, roster: Roster) -> list[Term]:
        """Take up streams past those known; a group has its terms from when it is large enough."""
        fresh = range(len(self._roster), len(roster))
        keys = [(place, self._key(roster, place)) for place in fresh]
        before = len(self._members)
        self._members.add([(place, key) for place, key in keys if key is not None])
        self._place = grown(self._place, len(roster), _OUTSIDE)
        new = np.arange(before, len(self._members))
        self._place[self._members.streams[new]] = new
        self._roster = roster
        self._grow()
        return self._new_terms()

    def warm(self, _rows: Rows, _now: int) -> None:
        """Nothing: the model brings the level along, and smoothing settles within a few steps."""

    def fit(self, roster: Roster, rows: Rows) -> Columns:
        """The usual weeks and charts of the groups among these streams."""
        streams, which = runs(rows.streams)
        keys = [self._key(roster, place) for place in streams.tolist()]
        inside = np.array([key is not None for key in keys], np.bool_)
        places, own = streams[inside], rows.take(inside[which])
        named = [key for key in keys if key is not None]
        floors = [self._floor_of[roster.streams[int(place)].metric] for place in places]
        return fit_groups(own, roster.stream_ids, named, floors, self._params, self._zone)

    def learn(self, model: Columns) -> None:
        """Take up the models of these groups; a level that runs is kept."""
        source, target = match(model["stream"], self._ids())
        self._models.learn(model, self._members, source, target)
        unset = np.isnan(self._level[target])
        self._level[target[unset]] = model["level"][source[unset]]

    def score(self, rows: Rows, _now: int) -> list[Scores]:
        """The charts of each group whose step has ended."""
        place = self._place[rows.streams]
        inside = place >= 0
        own = Rows(place[inside], rows.times[inside], rows.values[inside])
        return [self._scores(groups, steps) for groups, steps in self._closed(own)]

    def turns(self, rows: Rows) -> NDArray[np.int64]:
        """The step that runs when a row comes: which steps are over goes by all members."""
        running = (rows.times - round(self._params.wait_s * SECOND)) // self._step_us
        return np.where(self._place[rows.streams] >= 0, running, NEVER)

    def tick(self, _now: int) -> list[Scores]:
        """Nothing: a step ends with the first reading after it."""
        return []

    def state(self) -> Columns:
        """The members' levels, running steps and last means, and where each group stands."""
        members: Columns = {name: getattr(self, f"_{name}").copy() for name in _MEMBER_STATE}
        groups: Columns = {name: getattr(self, f"_{name}").copy() for name in _GROUP_STATE}
        group = np.array(self._members.keys, np.str_)
        return {"stream": self._ids(), **members, **self._means.state(), "group": group, **groups}

    def models(self) -> Columns:
        """The usual weeks and charts."""
        return self._models.columns(self._members, self._ids(), self._level)

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        source, target = match(state["stream"], self._ids())
        for name in _MEMBER_STATE:
            getattr(self, f"_{name}")[target] = state[name][source]
        self._means.restore(state, source, target)
        source, target = match(state["group"], np.array(self._members.keys, np.str_))
        for name in _GROUP_STATE:
            getattr(self, f"_{name}")[target] = state[name][source]

    def counts(self) -> dict[str, int]:
        """Groups, and streams that came to a full one."""
        return {"groups": int((self._term >= 0).sum()), "refused": self._members.refused}

    def _key(self, roster: Roster, place: int) -> str | None:
        stream = roster.streams[place]
        device = roster.devices.get(stream.device_id)
        return None if device is None else _group_of(self._setup.spec, self._params, device, stream.metric)

    def _ids(self) -> NDArray[np.int32]:
        return self._roster.stream_ids[self._members.streams]

    def _grow(self) -> None:
        n, groups = len(self._members), len(self._members.keys)
        self._means.extend(n)
        self._last, self._held_step = grown(self._last, n, NEVER), grown(self._held_step, n, NEVER)
        self._level, self._held = grown(self._level, n, np.nan), grown(self._held, n, np.nan)
        self._smooth = grown(self._smooth, n, 0.0)
        self._running, self._strange_since = (
            grown(self._running, groups, NEVER),
            grown(self._strange_since, groups, NEVER),
        )
        self._term = grown(self._term, groups, _OUTSIDE)
        self._models.extend(n, groups, self._members.seats.shape[1])

    def _new_terms(self) -> list[Term]:
        large = self._members.sizes >= self._params.least_members
        terms: list[Term] = []
        for group in np.flatnonzero(large & (self._term == _OUTSIDE)).tolist():
            self._term[group] = self._n_terms + len(terms)
            terms += self._terms_of(group)
        self._n_terms += len(terms)
        return terms

    def _terms_of(self, group: int) -> list[Term]:
        """The group's terms: of each level one a chart."""
        key = self._members.keys[group]
        first = self._roster.streams[self._members.streams[self._members.seats[group, 0]]]
        return [
            Term(
                key=f"groups:{key}:{CHARTS[chart]}:{level.severity}",
                condition=f"groups:{key}",
                rule="groups",
                stream_id=first.stream_id,
                severity=level.severity,
                raise_at=level.score,
                clear_at=self._params.clear,
                min_duration_s=level.min_duration_s,
                step=level.score,
                detail={"group": key, "chart": CHARTS[chart]},
            )
            for level in self._params.levels
            for chart in self._charts.tolist()
        ]

    def _closed(self, rows: Rows) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Groups a step of which is over, and its number. A step nobody spoke in is passed over."""
        wait_us = round(self._params.wait_s * SECOND)
        for step, part in in_steps(rows, self._last, self._step_us, wait_us):
            groups = np.unique(self._members.group[part.streams])
            running = self._running[groups]
            for ahead in (0, 1):
                over = groups[(running != NEVER) & (running + ahead < step) & (self._term[groups] >= 0)]
                if len(over):
                    yield over, self._running[over] + ahead
            self._running[groups] = np.maximum(running, step)
            ran = self._running[self._members.group[part.streams]]
            self._means.add(part.take(part.times // self._step_us >= ran))

    def _scores(self, groups: NDArray[np.int64], steps: NDArray[np.int64]) -> Scores:
        look = self._look(groups, steps)
        apart, smooth = self._smoothed(look)
        models = self._models
        taking, precision = models.whole(self._members)
        statistics, gave = charts.chart(
            smooth,
            look.heard,
            models.covariance[groups],
            models.residual[groups],
            (taking[groups], precision[groups]),
        )
        known = models.sizes[groups]
        least = np.maximum(self._params.least_share * known, self._params.least_members)
        enough = (known > 0) & (look.heard.sum(axis=1) >= least)
        ratio = np.where(enough[:, None], statistics / models.limits[groups], np.nan)[:, self._charts]
        self._adapt(look, apart, ratio)
        return self._told(look, ratio, gave[:, :, self._charts])

    def _look(self, groups: NDArray[np.int64], steps: NDArray[np.int64]) -> _Look:
        """What the members said of a step, or last before it where that is not long ago."""
        seats = self._members.seats[groups]
        member = np.maximum(seats, 0)
        step = np.broadcast_to(steps[:, None], seats.shape)
        taken = seats != NOBODY
        mean = np.where(taken, self._means.means(member.ravel(), step.ravel()).reshape(seats.shape), np.nan)
        said = ~np.isnan(mean)
        self._held[seats[said]], self._held_step[seats[said]] = mean[said], step[said]
        intervals_s = self._roster.intervals_s[self._members.streams[member]]
        carried = np.ceil(self._params.carried_intervals * intervals_s / self._params.step_s)
        lately = self._held_step[member] >= step - carried.astype(np.int64)
        local = to_local((steps * self._step_us + self._step_us // 2), self._zone)
        models = self._models
        expected, scale = usual_at(
            models.median, models.spread, member, np.broadcast_to(local[:, None], seats.shape)
        )
        heard = taken & (said | lately) & models.known[member] & ~np.isnan(expected) & ~np.isnan(scale)
        return _Look(groups, steps, seats, heard, self._held[member], expected, scale)

    def _smoothed(self, look: _Look) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Deviations from the level at this step, and smoothed, by seat; 0 where not heard."""
        place = look.seats[look.heard]
        z = ((look.value - look.expected) / np.where(look.heard, look.scale, 1.0))[look.heard]
        z = np.clip(z, -self._params.clip_z, self._params.clip_z)
        level = np.nan_to_num(self._level[place])
        self._level[place] = level
        before = self._smooth[place]
        self._smooth[place] = before + self._quick * (z - level - before)
        apart, smooth = np.zeros(look.seats.shape), np.zeros(look.seats.shape)
        apart[look.heard], smooth[look.heard] = z - level, self._smooth[place]
        return apart, smooth

    def _adapt(self, look: _Look, apart: NDArray[np.float64], ratio: NDArray[np.float64]) -> None:
        """Let the levels of groups that are not strange, or have been for long, follow."""
        worst = np.fmax.reduce(ratio, axis=1)
        strange = worst >= self._params.clear
        since = self._strange_since[look.groups]
        since = np.where(strange, np.where(since == NEVER, look.steps, since), NEVER)
        self._strange_since[look.groups] = since
        frozen_steps = self._params.frozen_s / self._params.step_s
        frozen = strange & (look.steps - np.where(strange, since, 0) < frozen_steps)
        moves = look.heard & ~frozen[:, None]
        place = look.seats[moves]
        self._level[place] = charts.slow_step(self._level[place], apart[moves], self._slow)

    def _told(self, look: _Look, ratio: NDArray[np.float64], gave: NDArray[np.float64]) -> Scores:
        """The scores of every term, each about the member that gave most to its chart."""
        n, n_charts = len(ratio), len(self._charts)
        levels = len(self._params.levels)
        per_group = levels * n_charts
        row: NDArray[np.int64] = np.repeat(np.arange(n), per_group)
        chart: NDArray[np.int64] = np.tile(np.arange(n_charts), n * levels)
        first = gave.argmax(axis=1)[row, chart]
        stream_ids: list[int] = self._ids()[np.maximum(look.seats[row, first], 0)].tolist()
        score = ratio[row, chart]
        # What was measured is told with each contribution: who gives most may change while
        # the condition, which is filed under one stream, stands.
        nothing = np.full(len(row), np.nan)
        least = min(level.score for level in self._params.levels)
        strange = np.flatnonzero(score >= least).tolist()
        return Scores(
            terms=self._term[look.groups][row] + np.tile(np.arange(per_group), n),
            times=(look.steps[row] + 1) * self._step_us,
            scores=score,
            values=nothing,
            lows=nothing,
            highs=nothing,
            pictures={i: self._picture(look, int(row[i]), gave[row[i], :, chart[i]]) for i in strange},
            about=dict(enumerate(stream_ids)),
        )

    def _picture(self, look: _Look, row: int, gave: NDArray[np.float64]) -> dict[str, Any]:
        """Who gave how much, most first, and how many were heard."""
        seats = [int(seat) for seat in np.argsort(-gave, kind="stable")[:_TOLD] if gave[seat] > 0]
        total = float(gave.sum())
        return {
            "members_heard": int(look.heard[row].sum()),
            "contributions": [
                self._contribution(look, row, seat, float(gave[seat]) / total) for seat in seats
            ],
        }

    def _contribution(self, look: _Look, row: int, seat: int, share: float) -> dict[str, Any]:
        member = int(look.seats[row, seat])
        stream = self._roster.streams[int(self._members.streams[member])]
        value, scale = float(look.value[row, seat]), float(look.scale[row, seat])
        usual = float(look.expected[row, seat]) + float(np.nan_to_num(self._level[member])) * scale
        return {
            "device_id": stream.device_id,
            "metric": stream.metric,
            "share": round(share, 4),
            "value": _short(value),
            "expected_low": _short(usual - _USUAL_SPREADS * scale),
            "expected_high": _short(usual + _USUAL_SPREADS * scale),
            "z": round((value - usual) / scale, 2),
        }


def ties(spec: DetectorSpec, devices: Sequence[Device]) -> list[list[str]]:
    """Ids of devices that are in one group, group by group."""
    params = msgspec.convert(spec.params, GroupsParams)
    groups: dict[str, list[str]] = {}
    for device in devices:
        keys = (_group_of(spec, params, device, metric) for metric in device.metrics)
        for key in {key for key in keys if key is not None}:
            groups.setdefault(key, []).append(device.device_id)
    return list(groups.values())


def _group_of(spec: DetectorSpec, params: GroupsParams, device: Device, metric: str) -> str | None:
    if metric not in HOURLY and metric not in params.floors:
        return None
    return group_key(params.group_by, device, metric) if spec.watches(device, metric) else None


def _short(value: float) -> float:
    return float(f"{value:.5g}")
