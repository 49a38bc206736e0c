"""Between the network thread and the writer: a bounded queue drained by size or age."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from ingest.message import Message

_MAX_BYTES = 16 * 1024 * 1024
"""Payload of a batch: arrays of a hundred readings would make one of two million else."""


class Inbox:
    """Messages that were delivered and not yet written.

    Messages that wait for an acknowledgement are bounded by the broker, through
    Receive Maximum, and always taken. Those without (QoS 0) carry no promise: past
    ``capacity`` they are counted in ``overflowed`` and let go.

    When the connection ends, what waits here is *orphaned*: the broker will deliver it
    again, and until then ours may be the only copy, for a broker that was killed has
    forgotten what it had not saved. Each orphan gives way to its redelivery, so a line
    that breaks again and again while the database is away does not fill the memory.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._messages: deque[Message] = deque()
        self._orphans: dict[tuple[str, bytes], Message] = {}
        self._arrived = threading.Condition()
        self.overflowed = 0
        self.most = 0
        """The longest the queue has been."""

    def __len__(self) -> int:
        return len(self._messages) + len(self._orphans)

    def put(self, message: Message) -> None:
        """Take one message from the network thread."""
        with self._arrived:
            if message.qos == 0 and len(self._messages) >= self._capacity:
                self.overflowed += 1
                return
            if self._orphans:
                self._orphans.pop((message.topic, message.payload), None)
            self._messages.append(message)
            self.most = max(self.most, len(self._messages) + len(self._orphans))
            if len(self._messages) == 1:
                self._arrived.notify()

    def put_all(self, messages: Sequence[Message]) -> None:
        """Take what came together from the network thread."""
        with self._arrived:
            waiting = len(self._messages)
            if waiting + len(messages) > self._capacity:
                room = max(0, self._capacity - waiting)
                kept = [m for place, m in enumerate(messages) if m.qos or place < room]
                self.overflowed += len(messages) - len(kept)
                messages = kept
            if self._orphans:
                for message in messages:
                    self._orphans.pop((message.topic, message.payload), None)
            self._messages.extend(messages)
            self.most = max(self.most, len(self._messages) + len(self._orphans))
            if not waiting and messages:
                self._arrived.notify()

    def orphan(self) -> None:
        """The connection ended: what waits now will be delivered again, unless the broker forgot it.

        Past ``capacity`` the oldest orphans are let go and counted in ``overflowed``: that
        takes a broker which lost its queue more than once while the database was away.
        """
        with self._arrived:
            self._orphans.update({(m.topic, m.payload): m for m in self._messages})
            self._messages.clear()
            for key in list(self._orphans)[: max(0, len(self._orphans) - self._capacity)]:
                del self._orphans[key]
                self.overflowed += 1

    def take(self, max_batch: int, max_age_s: float, patience_s: float) -> list[Message]:
        """The next batch, orphans first: full, or as old as ``max_age_s``; empty after ``patience_s``."""
        with self._arrived:
            if not self and not self._arrived.wait(patience_s):
                return []
            oldest = None if self._orphans else self._messages[0]
        if oldest is not None:
            self._gather(oldest, max_batch, max_age_s)
        with self._arrived:
            taken: list[Message] = []
            size = 0
            while self and len(taken) < max_batch and size < _MAX_BYTES:
                taken.append(self._next())
                size += len(taken[-1].payload)
            return taken

    def _next(self) -> Message:
        if self._orphans:
            return self._orphans.pop(next(iter(self._orphans)))
        return self._messages.popleft()

    def _gather(self, oldest: Message, max_batch: int, max_age_s: float) -> None:
        # Polling in slices costs the network thread nothing; a notice a message would. What came
        # while the batch before was written has waited already. A wall clock that jumps
        # makes no wait longer than ``max_age_s``.
        waited_s = time.time() - oldest.received_at / 1e6
        deadline = time.monotonic() + min(max_age_s, max(0.0, max_age_s - waited_s))
        while len(self._messages) < max_batch:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.01))
