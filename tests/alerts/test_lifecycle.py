"""An alert's life keeps its rules, whatever detectors and people do, in whatever order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.lifecycle import Change, Kind, allowed, born, evolve, of_finding, rebuild
from alerts.policy import CLOSING, closing, next_kind
from telemetry.alerts import LIVE_STATUSES, Alert, AlertStatus, Finding, FindingState, Severity, Verdict
from telemetry.errors import ConflictError
from telemetry.metrics import Domain

AFTER = timedelta(minutes=30)
AT = datetime(2026, 11, 23, tzinfo=UTC)
BY_PEOPLE = (
    Kind.ACKNOWLEDGED, Kind.STARTED, Kind.ASSIGNED, Kind.COMMENTED, Kind.JUDGED, Kind.RESOLVED,
    Kind.CLOSED, Kind.REOPENED,
)  # fmt: skip


def blank(alert_id: int = 1, key: str = "limits:1") -> Alert:
    return Alert(
        alert_id, key, "d", 1, "water_level_m", Domain.DRAINAGE, "limits", "limit:water", Severity.INFO,
        AlertStatus.CLOSED, AT, AT, None, None, None, None, {},
    )  # fmt: skip


@dataclass
class Desk:
    """What the store does, in memory: alerts by id, and the events of each."""

    alerts: dict[int, Alert] = field(default_factory=dict)
    events: dict[int, list[Change]] = field(default_factory=dict)

    def live(self, key: str) -> list[Alert]:
        return [a for a in self.alerts.values() if a.key == key and a.status in LIVE_STATUSES]

    def find(self, finding: Finding) -> None:
        standing = next(iter(self.live(finding.key)), None)
        ended = [a for a in self.alerts.values() if a.key == finding.key and a is not standing]
        kind = next_kind(standing, ended[-1] if ended and standing is None else None, finding)
        if kind is None:
            return
        change = of_finding(kind, finding)
        if kind is Kind.OPENED:
            number = len(self.alerts) + 1
            self.put(born(blank(number, finding.key), change), change)
        else:
            self.put(evolve(standing or ended[-1], change), change)

    def act(self, alert_id: int, change: Change) -> None:
        alert = self.alerts[alert_id]
        if change.kind is Kind.REOPENED and self.live(alert.key):
            return
        if not allowed(alert.status, change.kind):
            with pytest.raises(ConflictError):
                evolve(alert, change)
            return
        self.put(evolve(alert, change), change)

    def let_time_close(self, now: datetime) -> None:
        for alert in list(self.alerts.values()):
            if change := closing(alert, now, AFTER):
                self.put(evolve(alert, change), change)
                assert not closing(self.alerts[alert.alert_id], now, AFTER)

    def put(self, alert: Alert, change: Change) -> None:
        self.alerts[alert.alert_id] = alert
        self.events.setdefault(alert.alert_id, []).append(change)


findings = st.tuples(
    st.just("find"), st.sampled_from(FindingState), st.sampled_from(Severity), st.sampled_from(["a", "b"])
)
actions = st.tuples(
    st.just("act"), st.sampled_from(BY_PEOPLE), st.integers(1, 4), st.sampled_from(["lan", "minh"])
)
closings = st.just(("close", None, None, None))
details = {
    Kind.ASSIGNED: {"assignee": "minh"},
    Kind.JUDGED: {"verdict": "nuisance"},
    Kind.COMMENTED: {"text": "<script>"},
}


@given(st.lists(st.tuples(st.integers(0, 900), st.one_of(findings, actions, closings)), max_size=60))
def test_any_interleaving_keeps_the_rules_and_can_be_rebuilt(story: list) -> None:
    desk, now = Desk(), AT
    for pause_s, (what, first, second, third) in story:
        now += timedelta(seconds=pause_s)
        if what == "find":
            desk.find(Finding(third, first, "limits", "r", 1, second, now, value=1.0, detail={"n": pause_s}))
        elif what == "close":
            desk.let_time_close(now)
            resolved = [a for a in desk.alerts.values() if a.status is AlertStatus.RESOLVED]
            assert all(now - a.resolved_at < AFTER for a in resolved if a.resolved_at)
        elif second in desk.alerts:
            desk.act(second, Change(first, now, third, details.get(first, {})))
        for key in ("a", "b"):
            assert len(desk.live(key)) <= 1
    for number, alert in desk.alerts.items():
        for change in desk.events[number]:
            assert change.actor != CLOSING or change.kind is Kind.CLOSED
        assert rebuild(blank(number, alert.key), desk.events[number]) == alert
        assert (alert.resolved_at is None) == (alert.status in LIVE_STATUSES)
        assert (alert.status is not AlertStatus.ACKNOWLEDGED) or alert.acknowledged_by
        assert alert.opened_at <= alert.updated_at
        at = [change.at for change in desk.events[number]]
        assert at == sorted(at)


def opened() -> Alert:
    return born(blank(), Change(Kind.OPENED, AT, "detector:limits", {"severity": "major"}))


def after(alert: Alert, *kinds: Kind, **detail: object) -> Alert:
    for kind in kinds:
        alert = evolve(alert, Change(kind, AT, "lan", {"severity": "major", **detail}))
    return alert


def test_the_way_through_a_life() -> None:
    alert = after(opened(), Kind.ACKNOWLEDGED, Kind.STARTED, Kind.RESOLVED, Kind.CLOSED)
    assert (alert.status, alert.assignee, alert.version) == (AlertStatus.CLOSED, "lan", 5)
    assert after(alert, Kind.REOPENED).status is AlertStatus.OPEN
    assert after(alert, Kind.JUDGED, verdict="false").verdict is Verdict.FALSE


def test_a_flap_goes_back_to_who_had_it() -> None:
    assert after(opened(), Kind.RESOLVED, Kind.RETURNED).status is AlertStatus.OPEN
    back = after(opened(), Kind.ACKNOWLEDGED, Kind.RESOLVED, Kind.RETURNED)
    assert (back.status, back.acknowledged_by) == (AlertStatus.ACKNOWLEDGED, "lan")


@pytest.mark.parametrize("kind", [Kind.ACKNOWLEDGED, Kind.STARTED, Kind.RESOLVED, Kind.ASSIGNED])
def test_a_closed_alert_takes_none_of_these(kind: Kind) -> None:
    with pytest.raises(ConflictError, match="closed"):
        after(opened(), Kind.RESOLVED, Kind.CLOSED, kind)


def test_detectors_refreshing_do_not_disturb_a_decision() -> None:
    assert after(opened(), Kind.REFRESHED, Kind.ESCALATED, Kind.COMMENTED).version == 1
