"""What a finding does to the alert of its condition, and what time alone does. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerts.lifecycle import FLAP_HOLD_S, Change, Kind
from telemetry.alerts import Alert, AlertStatus, Finding, FindingState

CLOSING: Final = "system:closing"
"""Who closes what nobody closed; no person's name has a colon."""


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


def closing(alert: Alert, now: datetime, after: timedelta) -> Change | None:
    """The change that closes an alert resolved ``after`` ago or longer; ``None`` while it may not.

    Its time is the later of ``now`` and the alert's last change, so that no event is before
    the one it follows.
    """
    if alert.status is not AlertStatus.RESOLVED or alert.resolved_at is None:
        return None
    if now - alert.resolved_at < after:
        return None
    hours = after.total_seconds() / 3600
    return Change(Kind.CLOSED, max(now, alert.updated_at), CLOSING, {"after_h": round(hours, 3)})


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
