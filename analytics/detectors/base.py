"""What a detector is: it scores, and leaves deciding to `analytics.decider`."""

from __future__ import annotations

from typing import Protocol

from analytics.columns import Columns
from analytics.roster import Roster, Rows
from analytics.scores import Scores, Term


class Detector(Protocol):
    """Scores readings of every stream at once.

    Results depend on the readings and on ``now`` (microseconds UTC) alone, never on a
    clock, and not on how readings were cut into batches. A reading is scored before it
    is learnt from. Input arrays are never written to.
    """

    @property
    def name(self) -> str:
        """The finding's ``detector``."""
        ...

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
        """Take up a kept state; streams it does not hold stay as new."""
        ...

    def counts(self) -> dict[str, int]:
        """Numbers of its own worth showing, by name."""
        ...
