"""What is learnt of groups: their members' usual weeks, and their charts."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown
from analytics.detectors import charts
from analytics.detectors.charts import CHARTS, Model
from analytics.detectors.grid import grid_of
from analytics.detectors.membership import NOBODY, Membership
from analytics.roster import Rows
from analytics.seasons import DAY_KINDS, SLOTS, fit_seasons, least_spreads, usual_at
from analytics.times import DAY, SECOND, to_local
from telemetry.detection.floors import Floor
from telemetry.detection.groups import GroupsParams

_HISTORY_STEP_S = 300.0
"""History may hold no more than five-minute steps; a finer grid would be full of holes."""
_OF_TYPICAL, _OF_RANGE = 0.5, 0.02
"""Least spread of a slot, as the seasonal detector has it."""


class GroupModels:
    """Models by place.

    Of members: ``known`` ``(n,)``, ``median`` and ``spread`` ``(n, DAY_KINDS, SLOTS)``. Of
    groups: ``sizes``, how many members the charts are of (0: none were learnt),
    ``covariance`` and ``residual`` ``(n_groups, seats, seats)``, ``limits`` ``(n_groups, 2)``.
    """

    def __init__(self) -> None:
        self.known = np.empty(0, np.bool_)
        self.median = np.empty((0, DAY_KINDS, SLOTS), np.float32)
        self.spread = np.empty((0, DAY_KINDS, SLOTS), np.float32)
        self.sizes = np.empty(0, np.int64)
        self.covariance = np.empty((0, 0, 0), np.float64)
        self.residual = np.empty((0, 0, 0), np.float64)
        self.limits = np.empty((0, len(CHARTS)), np.float64)
        self._whole: tuple[NDArray[np.bool_], NDArray[np.float64]] | None = None

    def extend(self, members: int, groups: int, seats: int) -> None:
        """Make room; members and groups of which nothing was learnt are unknown."""
        self.known = grown(self.known, members, False)
        self.median, self.spread = grown(self.median, members, np.nan), grown(self.spread, members, np.nan)
        self.sizes, self.limits = grown(self.sizes, groups, 0), grown(self.limits, groups, 1.0)
        self.covariance = _wider(grown(self.covariance, groups, 0.0), seats)
        self.residual = _wider(grown(self.residual, groups, 0.0), seats)
        self._whole = None

    def whole(self, members: Membership) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Who takes part in each group, ``(n_groups, seats)``, and the precision of them all."""
        if self._whole is None:
            taking = (members.seats != NOBODY) & self.known[np.maximum(members.seats, 0)]
            self._whole = (taking, charts.precision_of(taking, self.covariance))
        return self._whole

    def learn(
        self, model: Columns, members: Membership, source: NDArray[np.intp], target: NDArray[np.intp]
    ) -> None:
        """Use a model; its members ``source`` are ``target`` here, others have gone.

        A group read in two parts has two models, of which the larger is used.
        """
        place = np.full(len(model["stream"]), -1, np.int64)
        place[source] = target
        self._whole = None
        ends, square_ends = np.cumsum(model["size"]), np.cumsum(model["size"] ** 2)
        for i in np.argsort(model["size"], kind="stable").tolist():
            m = int(model["size"][i])
            group = members.places.get(str(model["group"][i]))
            own = place[ends[i] - m : ends[i]]
            if group is None or m == 0:
                continue
            part = slice(square_ends[i] - m * m, square_ends[i])
            here = np.flatnonzero((own >= 0) & (members.group[own] == group))
            self._use(group, own[here], members, model, i, part, here)
            rows = int(ends[i]) - m + here
            self.median[own[here]], self.spread[own[here]] = model["median"][rows], model["spread"][rows]

    def _use(
        self,
        group: int,
        own: NDArray[np.int64],
        members: Membership,
        model: Columns,
        row: int,
        part: slice,
        here: NDArray[np.intp],
    ) -> None:
        m = int(model["size"][row])
        seats, among = np.ix_(members.seat[own], members.seat[own]), np.ix_(here, here)
        seated = members.seats[group]
        self.known[seated[seated >= 0]] = False
        self.known[own] = True
        self.covariance[group], self.residual[group] = 0.0, 0.0
        self.covariance[group][seats] = model["covariance"][part].reshape(m, m)[among]
        self.residual[group][seats] = model["residual"][part].reshape(m, m)[among]
        self.limits[group] = model["limits"][row]
        self.sizes[group] = len(own)

    def columns(self, members: Membership, ids: NDArray[np.int32], level: NDArray[np.float64]) -> Columns:
        """As `fit_groups` makes them."""
        models: list[tuple[str, Model, NDArray[np.int64]]] = []
        for group in np.flatnonzero(self.sizes > 0).tolist():
            own = members.seats[group]
            own = own[(own >= 0) & self.known[np.maximum(own, 0)]]
            seats = np.ix_(members.seat[own], members.seat[own])
            charts_of = Model(self.covariance[group][seats], self.residual[group][seats], self.limits[group])
            models.append((members.keys[group], charts_of, own))
        return _columns(models, ids, self.median, self.spread, level)


def fit_groups(
    rows: Rows,
    stream_ids: NDArray[np.int32],
    keys: Sequence[str],
    floors: Sequence[Floor],
    params: GroupsParams,
    zone: ZoneInfo,
) -> Columns:
    """Models of the groups among these rows; ``keys`` and ``floors`` are those of its streams, ascending."""
    seasons = fit_seasons(rows, zone)
    bounds = np.array([(floor.least, floor.share) for floor in floors], np.float64).reshape(-1, 2)
    least = least_spreads(seasons.median, seasons.spread, bounds, _OF_TYPICAL, _OF_RANGE)
    spread = np.maximum(seasons.spread, least).astype(np.float32)
    step_s = max(params.step_s, _HISTORY_STEP_S)
    z = _deviations(rows, seasons.median, spread, round(step_s * SECOND), zone, params.clip_z)
    enough = (~np.isnan(z)).sum(axis=1) * step_s * SECOND >= params.least_days * DAY
    slow, quick = charts.forgetting(step_s, params.level_s), charts.forgetting(step_s, params.smoothed_s)
    smooth, level = charts.smoothed(z.T, slow, quick)
    models: list[tuple[str, Model, NDArray[np.int64]]] = []
    seated: dict[str, list[int]] = {}
    for place in np.flatnonzero(enough).tolist():
        seated.setdefault(keys[place], []).append(place)
    for key, places in seated.items():
        own = np.array(places[: params.most_members], np.int64)
        if len(own) >= params.least_members:
            model = charts.fit_model(smooth[:, own], params.explained, params.quantile)
            if model is not None:
                models.append((key, model, own))
    return _columns(models, stream_ids[seasons.streams], seasons.median, spread, level)


def _deviations(
    rows: Rows,
    median: NDArray[np.float32],
    spread: NDArray[np.float32],
    step_us: int,
    zone: ZoneInfo,
    clip_z: float,
) -> NDArray[np.float64]:
    """Robust z of steps of history, shape ``(k, t)``, NaN where nothing was heard or is usual."""
    streams, steps, means = grid_of(rows, step_us)
    local = to_local(steps * step_us + step_us // 2, zone)
    expected, scale = usual_at(median, spread, np.arange(len(streams))[:, None], local[None, :])
    return np.clip((means - expected) / scale, -clip_z, clip_z)


def _columns(
    models: Sequence[tuple[str, Model, NDArray[np.int64]]],
    ids: NDArray[np.int32],
    median: NDArray[np.float32],
    spread: NDArray[np.float32],
    level: NDArray[np.float64],
) -> Columns:
    """Groups' rows, members' rows and squares, each behind one another in the same order."""
    own = np.concatenate([np.empty(0, np.int64), *(places for _, _, places in models)]).astype(np.int64)
    nothing = np.empty(0, np.float64)
    return {
        "group": np.array([key for key, _, _ in models], np.str_),
        "size": np.array([len(places) for _, _, places in models], np.int64),
        "limits": np.array([model.limits for _, model, _ in models], np.float64).reshape(-1, len(CHARTS)),
        "stream": ids[own],
        "median": median[own],
        "spread": spread[own],
        "level": level[own],
        "covariance": np.concatenate([nothing, *(model.covariance.ravel() for _, model, _ in models)]),
        "residual": np.concatenate([nothing, *(model.residual.ravel() for _, model, _ in models)]),
    }


def _wider(squares: NDArray[np.float64], seats: int) -> NDArray[np.float64]:
    more = seats - squares.shape[1]
    return np.pad(squares, ((0, 0), (0, more), (0, more))) if more > 0 else squares
