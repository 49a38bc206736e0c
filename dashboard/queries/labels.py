"""Labels as the pages need them, and who may take one back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg

from store.labels import LabelSearch, list_labels
from telemetry.devices import Stream
from telemetry.labels import Label
from telemetry.people import Identity, Role

MOST = 200
"""Of one stream that are drawn, the newest."""


def labels_of(conn: psycopg.Connection, stream: Stream, start: datetime, end: datetime) -> list[Label]:
    """Labels and verdicts that a stream's device, or the stream itself, bears in a time; newest first."""
    search = LabelSearch(start, end, [stream.device_id], newest_first=True, limit=MOST)
    found = list_labels(conn, search)
    return [label for label in found if not label.metrics or stream.metric in label.metrics]


def distinct(labels: Sequence[Label]) -> list[Label]:
    """Each label once, newest first, where several streams bear the same."""
    known = {(label.label_id, label.alert_id): label for label in labels}
    return sorted(known.values(), key=lambda label: label.start, reverse=True)


def may_take_back(label: Label, identity: Identity) -> bool:
    """Whether a label is one's own; an administrator's is every one that is no verdict."""
    if label.label_id is None or not identity.allows(Role.ENGINEER):
        return False
    return label.author == identity.name or identity.allows(Role.ADMINISTRATOR)
