"""The pipeline: stages, each a detector that scores and a decider that decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from analytics.columns import Columns
from analytics.decider import Decider
from analytics.detectors import DETECTORS, GUARDS, Detector, Guard, Setup
from analytics.roster import Roster, Rows
from analytics.scores import Term
from telemetry.alerts import Anomaly, Finding
from telemetry.city import City
from telemetry.detection import Configuration, DetectorSpec

_DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Stage:
    """A detector under its name in the configuration, with the decider that reads its scores."""

    spec: DetectorSpec
    detector: Detector
    decider: Decider

    @property
    def name(self) -> str:
        """The findings' ``detector``."""
        return self.spec.name

    def extend(self, roster: Roster) -> None:
        """Take up new streams."""
        terms = self.detector.extend(roster)
        own = self.spec.name == self.spec.kind
        self.decider.extend(terms if own else [_renamed(term, self.spec.name) for term in terms])

    def score(self, rows: Rows, now: int) -> list[Finding]:
        """Findings of a batch committed at ``now``."""
        return self.decider.decide(self.detector.score(rows, now))

    def tick(self, now: int) -> list[Finding]:
        """Findings of the passing of time."""
        return self.decider.decide(self.detector.tick(now))


@dataclass(frozen=True, slots=True)
class GuardStage(Stage):
    """A stage whose detector also says which readings are unfit."""

    detector: Guard


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Every stage: the guards, and after them the watchers, who see what the guards let through."""

    guards: tuple[GuardStage, ...]
    watchers: tuple[Stage, ...]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All of them, in the order they score."""
        return (*self.guards, *self.watchers)


def make_guard(city: City, spec: DetectorSpec) -> GuardStage:
    """A guard's stage, knowing no stream yet."""
    return GuardStage(spec, GUARDS[spec.kind](Setup(city, spec)), Decider(spec.name))


def make_watcher(city: City, spec: DetectorSpec) -> Stage:
    """A watcher's stage, knowing no stream yet."""
    return Stage(spec, DETECTORS[spec.kind](Setup(city, spec)), Decider(spec.name))


def make_pipeline(city: City, configuration: Configuration) -> Pipeline:
    """One stage for every detector that runs."""
    specs = configuration.enabled
    return Pipeline(
        tuple(make_guard(city, spec) for spec in specs if spec.kind in GUARDS),
        tuple(make_watcher(city, spec) for spec in specs if spec.kind in DETECTORS),
    )


def adopt(pipeline: Pipeline, anomalies: Sequence[Anomaly], now: int) -> list[Finding]:
    """Make every stage's standing conditions those of the store; findings end what is gone."""
    return [finding for stage in pipeline.stages for finding in stage.decider.adopt(anomalies, now)]


def states(stages: Sequence[Stage]) -> dict[str, Columns]:
    """What changes with readings, by table."""
    tables: dict[str, Columns] = {}
    for stage in stages:
        tables[stage.name] = stage.detector.state()
        tables[f"{stage.name}.{_DECIDED}"] = stage.decider.state()
    return tables


def restore(stages: Sequence[Stage], tables: Mapping[str, Columns]) -> None:
    """Take up kept states. A detector that has none yet starts as new."""
    for stage in stages:
        if stage.name in tables:
            stage.detector.restore(tables[stage.name])
            stage.decider.restore(tables[f"{stage.name}.{_DECIDED}"])


def models(stages: Sequence[Stage]) -> dict[str, Columns]:
    """What was learnt, by detector; detectors without a model are left out."""
    learnt = {stage.name: stage.detector.models() for stage in stages}
    return {name: model for name, model in learnt.items() if model}


def learn(stages: Sequence[Stage], fitted: Mapping[str, Columns]) -> None:
    """Use models that were fitted or kept."""
    for stage in stages:
        model = fitted.get(stage.name)
        if model:
            stage.detector.learn(model)


def _renamed(term: Term, name: str) -> Term:
    return replace(term, key=f"{name}/{term.key}", condition=f"{name}/{term.condition}")
