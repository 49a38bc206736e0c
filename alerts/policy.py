"""What a finding does to the alert of its condition. Pure."""

from __future__ import annotations

from alerts.lifecycle import FLAP_HOLD_S, Kind
from telemetry.alerts import Alert, AlertStatus, Finding, FindingState


def next_kind(standing: Alert | None, last: Alert | None, finding: Finding) -> Kind | None:
    """The event a finding leads to, ``None`` where it needs nothing.

    ``standing`` is the live alert of the finding's key, ``last`` the newest ended one. A
    condition that goes on without a standing alert (a person resolved it, and it still
    stands) is told again only when it is raised anew or becomes worse.
    """
    if standing is None:
        return _awoken(last, finding)
    if finding.state is FindingState.CLEARED:
        return Kind.RESOLVED
    return Kind.ESCALATED if finding.severity.rank > standing.severity.rank else Kind.REFRESHED


def _awoken(last: Alert | None, finding: Finding) -> Kind | None:
    if finding.state is FindingState.CLEARED:
        return None
    if finding.state is FindingState.ONGOING:
        worse = last is not None and finding.severity.rank > last.severity.rank
        return Kind.OPENED if worse else None
    return Kind.RETURNED if last is not None and _flaps(last, finding) else Kind.OPENED


def _flaps(last: Alert, finding: Finding) -> bool:
    if last.status is not AlertStatus.RESOLVED or last.resolved_at is None:
        return False
    return (finding.at - last.resolved_at).total_seconds() <= FLAP_HOLD_S
