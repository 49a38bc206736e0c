"""Between the network thread and the writer: a bounded queue drained by size or age."""

from __future__ import annotations

import threading
import time
from collections import deque

from ingest.message import Message


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
        self._gather(max_batch, max_age_s)
        with self._arrived:
            taken = list(self._orphans.values())[:max_batch] if self._orphans else []
            for message in taken:
                del self._orphans[message.topic, message.payload]
            n = min(max_batch - len(taken), len(self._messages))
            taken += [self._messages.popleft() for _ in range(n)]
            return taken

    def _gather(self, max_batch: int, max_age_s: float) -> None:
        # Polling in slices costs the network thread nothing; a notice a message would.
        deadline = time.monotonic() + max_age_s
        while len(self._messages) < max_batch:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.01))
