"""What a detector is: it scores, and leaves deciding to `analytics.decider`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns
from analytics.roster import Roster, Rows, runs
from analytics.scores import Scores, Term
from telemetry.city import City
from telemetry.detection import DetectorSpec
from telemetry.devices import Stream


@dataclass(frozen=True, slots=True)
class Setup:
    """What a detector is made of: the city, and the configuration's word on it."""

    city: City
    spec: DetectorSpec

    @property
    def params(self) -> Any:
        """The parameters of its kind, typed as `telemetry.detection.KINDS` says."""
        return self.spec.parameters()

    def watches(self, roster: Roster, stream: Stream) -> bool:
        """Whether the configuration gives it this stream."""
        device = roster.devices.get(stream.device_id)
        return device is not None and self.spec.watches(device, stream.metric)


def rows_of(roster: Roster, rows: Rows, takes: Callable[[Stream], bool]) -> Rows:
    """The rows, ordered by stream, of those streams of which ``takes`` holds; no other is asked."""
    streams, which = runs(rows.streams)
    places: list[int] = streams.tolist()
    return rows.take(np.array([takes(roster.streams[place]) for place in places], np.bool_)[which])


class Detector(Protocol):
    """Scores readings of every stream at once.

    It speaks of conditions by keys unique among its own; the stage that runs it adds its
    name where a second of its kind runs.

    Results depend on the readings and on ``now`` (microseconds UTC) alone, never on a
    clock, and not on how readings were cut into batches. A reading is scored before it
    is learnt from. Input arrays are never written to.
    """

    def extend(self, roster: Roster) -> list[Term]:
        """Take up streams past those known; returns the new terms, in scoring's order."""
        ...

    def warm(self, rows: Rows, now: int, /) -> None:
        """Take in history as if it had been scored, without results. Ordered by stream and time."""
        ...

    def fit(self, roster: Roster, rows: Rows, /) -> Columns:
        """A model of what is usual, from history of some streams ordered by stream and time.

        Pure: may run in another thread while scoring goes on.
        """
        ...

    def learn(self, model: Columns, /) -> None:
        """Use a model that `fit` made, for the streams it holds."""
        ...

    def score(self, rows: Rows, now: int, /) -> list[Scores]:
        """Score a batch committed at ``now``, in rounds that go forward in time."""
        ...

    def tick(self, now: int, /) -> list[Scores]:
        """Score what the passing of time alone says."""
        ...

    def state(self) -> Columns:
        """What changes with readings, by key, to be kept in a snapshot."""
        ...

    def models(self) -> Columns:
        """What only `learn` changes, in the shape `learn` takes."""
        ...

    def restore(self, state: Columns) -> None:
        """Take up a kept state; streams it does not hold stay as they are.

        May be called again with the state of other streams, kept at the same moment.
        """
        ...

    def counts(self) -> dict[str, int]:
        """Numbers of its own worth showing, by name."""
        ...


class Guard(Detector, Protocol):
    """A detector of sensor health, which the others are kept from bad readings by."""

    def unfit(self, rows: Rows, /) -> NDArray[np.bool_]:
        """Which of the rows it scored last are not to be believed, shape ``(n,)``."""
        ...


class Together(Detector, Protocol):
    """A detector whose result for one stream depends on what others said before."""

    def turns(self, rows: Rows, /) -> NDArray[np.int64]:
        """The number of the turn each row comes in, shape ``(n,)``; `NEVER` where it is not looked at.

        Within a turn the order of streams makes no difference to what is found.
        """
        ...


class Given:
    """Half a detector whose yardstick is given: it learns no model, and counts nothing."""

    def fit(self, _roster: Roster, _rows: Rows, /) -> Columns:
        """Nothing to find out."""
        return {}

    def learn(self, _model: Columns, /) -> None:
        """Nothing to take up."""

    def models(self) -> Columns:
        """None."""
        return {}

    def counts(self) -> dict[str, int]:
        """None."""
        return {}
