"""What a finding does to the alert of its condition. Pure."""

from __future__ import annotations

from enum import StrEnum

from telemetry.alerts import Alert, Finding, FindingState


class Step(StrEnum):
    """The next thing in an alert's life; also the kind of its event."""

    NOTHING = "nothing"
    OPEN = "opened"
    REFRESH = "refreshed"
    ESCALATE = "escalated"
    RESOLVE = "resolved"


def next_step(standing: Alert | None, finding: Finding) -> Step:
    """What to do, given the live alert of the finding's key, if there is one.

    A condition that clears without a standing alert needs nothing; one that goes on
    without one (a person closed it, and it still stands) opens a new one only when it
    is raised again.
    """
    if standing is None:
        return Step.OPEN if finding.state is FindingState.RAISED else Step.NOTHING
    if finding.state is FindingState.CLEARED:
        return Step.RESOLVE
    if finding.severity.rank > standing.severity.rank:
        return Step.ESCALATE
    return Step.REFRESH
