"""Forecast: a threshold that is likely to be crossed before long.

The score is the chance of it (`analytics.forecasting`). It is 0 once the crossing has
happened, and until the value is back past the threshold's clearing level: from there on the
limits speak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.detectors.base import Setup
from analytics.forecasting.bank import Bank
from analytics.forecasting.crossings import find_crossings
from analytics.forecasting.family import FAMILIES, STEP_US
from analytics.forecasting.looks import Watch, batches, joined
from analytics.forecasting.past import BIN_US
from analytics.forecasting.places import NOBODY
from analytics.roster import Roster, Rows
from analytics.rounds import NEVER, Forward
from analytics.scores import Scores, Term
from analytics.stream_terms import StreamTerms
from analytics.times import SECOND
from telemetry import tide
from telemetry.city import City, Threshold
from telemetry.detection.forecast import ForecastParams
from telemetry.devices import Stream

_DECIMALS = 4


class Forecast:
    """Early warnings. Silent until a model was learnt."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.params: ForecastParams = setup.params
        self._thresholds = [t for t in setup.city.thresholds if t.metric in FAMILIES]
        self._every_us = round(self.params.every_s * SECOND)
        self._steps = self.params.horizon_min * 60 * SECOND // STEP_US
        self._within = max(1, min(self._steps, self.params.within_min * 60 * SECOND // STEP_US))
        longest_s = max((t.averaging_s for t in self._thresholds), default=0.0)
        self.bank = Bank(
            _stations(setup.city),
            ZoneInfo(setup.city.timezone),
            self._steps,
            round(longest_s * SECOND / STEP_US),
            self.params.least_history_h,
            self._averaging_s,
        )
        self._roster = Roster.of((), ())
        self._forward = Forward()
        self._row: NDArray[np.int64] = np.empty(0, np.int64)
        self._gauge: NDArray[np.int64] = np.empty(0, np.int64)
        self._terms = StreamTerms()
        self._keys: list[str] = []
        self._limit = np.empty((0, 3), np.float64)
        self._crossed = np.empty(0, np.bool_)
        self._made: NDArray[np.int64] = np.empty(0, np.int64)

    def extend(self, roster: Roster) -> list[Term]:
        """Take up streams past those known; returns their terms."""
        known = len(self.bank)
        self.bank.extend(roster)
        places = self.bank.places
        self._row = places.index(len(roster))
        self._gauge = np.full(len(roster), NOBODY, np.int64)
        self._gauge[places.rain] = np.arange(len(places.rain))
        fresh: list[int] = places.streams[known:].tolist()
        streams = [roster.streams[place] for place in fresh]
        watch = [(stream, self._watched(roster, stream)) for stream in streams]
        pairs = [(stream, threshold) for stream, thresholds in watch for threshold in thresholds]
        self._terms.extend([len(thresholds) for _, thresholds in watch])
        limits = [(t.limit, t.clear, 1.0 if t.direction == "high" else -1.0) for _, t in pairs]
        self._limit = np.concatenate((self._limit, np.array(limits, np.float64).reshape(-1, 3)))
        terms = [self._term(stream, threshold) for stream, threshold in pairs]
        self._keys += [term.key for term in terms]
        self._crossed = grown(self._crossed, len(self._keys), False)
        self._made = grown(self._made, len(places), NEVER)
        self._roster = roster
        self._forward.extend(len(roster))
        return terms

    def warm(self, rows: Rows, now: int) -> None:
        """Fill what is recent, and see which thresholds are passed already."""
        recent = rows.take(rows.times >= now - self.bank.span_us)
        row = self._row[recent.streams]
        self.bank.fill(recent, row, self._gauge[recent.streams])
        np.maximum.at(self._forward.last, recent.streams, recent.times)
        last = (row != NOBODY) & (recent.times == self._forward.last[recent.streams])
        if last.any():
            self._see(row[last], recent.take(last))

    def fit(self, roster: Roster, rows: Rows) -> Columns:
        """How the forecast streams among these go on from what is recent."""
        return self.bank.fit(roster, rows)

    def learn(self, model: Columns) -> None:
        """Take up the models of these streams."""
        self.bank.learn(model)

    def score(self, rows: Rows, _now: int) -> list[Scores]:
        """The chance of a crossing, for each stream whose next forecast these readings make due.

        Rain first: forecasts look at bins of it that are over, whatever else a batch holds.
        """
        gauge = self._gauge[rows.streams]
        for part in self._forward.rounds(rows.take(gauge != NOBODY)):
            self.bank.add_rain(self._gauge[part.streams], part.times, part.values)
        watches: list[Watch] = []
        for part in self._forward.rounds(rows.take(self._row[rows.streams] != NOBODY)):
            row, slot = self._row[part.streams], part.times // self._every_us
            self.bank.add(row, part.times, part.values)
            due = slot > self._made[row]
            if due.any():
                self._made[row[due]] = slot[due]
                watches.append(self._watch(row[due], part.take(due)))
        return [scores for some in batches(watches) for scores in self._scores(some)]

    def turns(self, rows: Rows) -> NDArray[np.int64]:
        """The bin of rain that runs: forecasts look at those that are over."""
        heard = (self._gauge[rows.streams] != NOBODY) | (self._row[rows.streams] != NOBODY)
        return np.where(heard, rows.times // BIN_US, NEVER)

    def tick(self, _now: int) -> list[Scores]:
        """Nothing: a forecast starts from a reading."""
        return []

    def state(self) -> Columns:
        """What is recent, what has been crossed, and when the last forecasts were made."""
        return {
            **self._forward.state(self._roster),
            "term": np.array(self._keys, np.str_),
            "crossed": self._crossed.copy(),
            "made": self._made.copy(),
            **self.bank.state(),
        }

    def models(self) -> Columns:
        """How streams go on."""
        return self.bank.models()

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        self._forward.restore(state, self._roster)
        source, target = match(state["term"], np.array(self._keys, np.str_))
        self._crossed[target] = state["crossed"][source]
        source, target = match(state["row"], self.bank.stream_ids)
        self._made[target] = state["made"][source]
        self.bank.restore(state)

    def counts(self) -> dict[str, int]:
        """None."""
        return {}

    def _watched(self, roster: Roster, stream: Stream) -> list[Threshold]:
        """The thresholds a stream is warned of: those on one trailing mean, the mildest one's."""
        device = roster.devices.get(stream.device_id)
        if device is None or not self._setup.watches(roster, stream):
            return []
        least = self.params.least_severity.rank
        found = [
            threshold
            for threshold in self._thresholds
            if threshold.severity.rank >= least and threshold.applies_to(device, stream.metric)
        ]
        found.sort(key=lambda threshold: threshold.severity.rank)
        return [threshold for threshold in found if threshold.averaging_s == found[0].averaging_s]

    def _averaging_s(self, roster: Roster, stream: Stream) -> float | None:
        found = self._watched(roster, stream)
        return found[0].averaging_s if found else None

    def _see(
        self, row: NDArray[np.int64], rows: Rows
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Note what was crossed: the terms of these rows, each term's place among them, and its value.

        A crossing is over when the value is back past the clearing level.
        """
        of, terms = self._terms.of(row)
        limit, clear, sign = self._limit[terms].T
        means = self.bank.current_means(row, rows.times)
        value = np.where(self.bank.places.averaging[row] > 0, means, rows.values)[of]
        still = self._crossed[terms] & ~(sign * value < sign * clear)
        self._crossed[terms] = still | (sign * value >= sign * limit)
        return terms, of, value

    def _watch(self, row: NDArray[np.int64], rows: Rows) -> Watch:
        terms, of, value = self._see(row, rows)
        return Watch(self.bank.look(row, rows.times), terms, of, value, self._crossed[terms])

    def _scores(self, watches: Sequence[Watch]) -> list[Scores]:
        """What was seen, forecast at once, and told one after the other."""
        scores = self._scored(joined(watches))
        edges = np.cumsum([0, *(len(watch.terms) for watch in watches)]).tolist()
        return [_cut(scores, slice(*part)) for part in pairwise(edges)]

    def _scored(self, watch: Watch) -> Scores:
        terms, of, value = watch.terms, watch.of, watch.values
        limit, _, sign = self._limit[terms].T
        fan = self.bank.forecast(watch.look)
        crossings = find_crossings(fan.take(of), limit, sign, self._within)
        nothing: NDArray[np.float64] = np.full(len(terms), np.nan)
        low, median, high = (np.round(fan.at(level)[of], _DECIMALS) for level in (0.1, 0.5, 0.9))
        return Scores(
            terms=terms,
            times=watch.look.times[of],
            scores=np.where(watch.crossed, 0.0, crossings.chance),
            values=value,
            lows=nothing,
            highs=nothing,
            facts={
                "probability": np.round(crossings.chance, _DECIMALS),
                "likely_ms": np.floor(crossings.likely / 1e3),
                "earliest_ms": np.floor(crossings.earliest / 1e3),
                "latest_ms": np.floor(crossings.latest / 1e3),
                "times_ms": fan.times[of] // 1000,
                "low": low,
                "median": median,
                "high": high,
            },
        )

    def _term(self, stream: Stream, threshold: Threshold) -> Term:
        params = self.params
        return Term(
            key=f"forecast:{stream.stream_id}:{threshold.key}",
            condition=f"forecast:{stream.stream_id}:{threshold.family}:{threshold.direction}",
            rule=f"forecast:{threshold.family}",
            stream_id=stream.stream_id,
            severity=threshold.severity,
            raise_at=params.warn_at,
            clear_at=params.clear_at,
            min_duration_s=params.min_duration_s,
            hold_s=params.hold_s,
            gap_s=3.0 * max(params.every_s, stream.interval_s),
            retell_s=params.refresh_s,
            eases=True,
            detail={
                "threshold": threshold.key,
                "family": threshold.family,
                "direction": threshold.direction,
                "limit": threshold.limit,
                "averaging_s": threshold.averaging_s,
                "within_min": self._within * STEP_US // (60 * SECOND),
                "source": threshold.source,
                "confidence": threshold.confidence,
                "name_vi": threshold.name_vi,
                "name_en": threshold.name_en,
            },
        )


def _cut(scores: Scores, part: slice) -> Scores:
    """Some of these rows."""
    return Scores(
        scores.terms[part],
        scores.times[part],
        scores.scores[part],
        scores.values[part],
        scores.lows[part],
        scores.highs[part],
        {name: fact[part] for name, fact in scores.facts.items()},
    )


def _stations(city: City) -> Mapping[str, tide.Station]:
    """The tide's stations, where the city has a tide."""
    return tide.stations(city) if "tide" in city.sim else {}
