"""The pipeline: a list of stages, each a detector that scores and a decider that decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analytics.columns import Columns
from analytics.decider import Decider
from analytics.detectors import DETECTORS, Detector
from analytics.roster import Roster, Rows
from telemetry.alerts import Anomaly, Finding
from telemetry.city import City

_DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Stage:
    """A detector with the decider that reads its scores."""

    detector: Detector
    decider: Decider

    @classmethod
    def of(cls, detector: Detector) -> Stage:
        """A stage of this detector, knowing no stream yet."""
        return cls(detector, Decider(detector.name))

    def extend(self, roster: Roster) -> None:
        """Take up new streams."""
        self.decider.extend(self.detector.extend(roster))

    def score(self, rows: Rows, now: int) -> list[Finding]:
        """Findings of a batch committed at ``now``."""
        return self.decider.decide(self.detector.score(rows, now))

    def tick(self, now: int) -> list[Finding]:
        """Findings of the passing of time."""
        return self.decider.decide(self.detector.tick(now))


def stages(city: City) -> list[Stage]:
    """One stage for every detector, in the order they score."""
    return [Stage.of(make(city)) for make in DETECTORS.values()]


def adopt(pipeline: Sequence[Stage], anomalies: Sequence[Anomaly], now: int) -> list[Finding]:
    """Make every stage's standing conditions those of the store; findings end what is gone."""
    return [finding for stage in pipeline for finding in stage.decider.adopt(anomalies, now)]


def states(pipeline: Sequence[Stage]) -> dict[str, Columns]:
    """What changes with readings, by table."""
    tables: dict[str, Columns] = {}
    for stage in pipeline:
        tables[stage.detector.name] = stage.detector.state()
        tables[f"{stage.detector.name}.{_DECIDED}"] = stage.decider.state()
    return tables


def restore(pipeline: Sequence[Stage], tables: Mapping[str, Columns]) -> None:
    """Take up kept states. A detector that has none yet starts as new."""
    for stage in pipeline:
        name = stage.detector.name
        if name in tables:
            stage.detector.restore(tables[name])
            stage.decider.restore(tables[f"{name}.{_DECIDED}"])


def models(pipeline: Sequence[Stage]) -> dict[str, Columns]:
    """What was learnt, by detector; detectors without a model are left out."""
    learnt = {stage.detector.name: stage.detector.models() for stage in pipeline}
    return {name: model for name, model in learnt.items() if model}


def learn(pipeline: Sequence[Stage], fitted: Mapping[str, Columns]) -> None:
    """Use models that were fitted or kept."""
    for stage in pipeline:
        model = fitted.get(stage.detector.name)
        if model:
            stage.detector.learn(model)
