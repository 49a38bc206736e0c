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
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._messages: deque[Message] = deque()
        self._arrived = threading.Condition()
        self.overflowed = 0

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Message) -> None:
        """Take one message from the network thread."""
        with self._arrived:
            if message.qos == 0 and len(self._messages) >= self._capacity:
                self.overflowed += 1
                return
            self._messages.append(message)
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
            self._messages.extend(messages)
            if not waiting and messages:
                self._arrived.notify()

    def take(self, max_batch: int, max_age_s: float, patience_s: float) -> list[Message]:
        """The next batch: full, or as old as ``max_age_s``; empty after ``patience_s``."""
        with self._arrived:
            if not self._messages and not self._arrived.wait(patience_s):
                return []
        self._gather(max_batch, max_age_s)
        with self._arrived:
            taken: list[Message] = []
            size = 0
            while self._messages and len(taken) < max_batch and size < _MAX_BYTES:
                taken.append(self._messages.popleft())
                size += len(taken[-1].payload)
            return taken

    def _gather(self, max_batch: int, max_age_s: float) -> None:
        # Polling in slices costs the network thread nothing; a notice a message would. What came
        # while the batch before was written has waited already. A wall clock that jumps
        # makes no wait longer than ``max_age_s``.
        waited_s = time.time() - self._messages[0].received_at / 1e6
        deadline = time.monotonic() + min(max_age_s, max(0.0, max_age_s - waited_s))
        while len(self._messages) < max_batch:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.01))
