"""The sockets that watch: the same text to each, and a slow one skips frames."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

MAX_BEHIND = 14
"""Frames kept for a slow socket, two seconds' worth; it misses the rest and resyncs."""
MAX_SOCKETS = 1_000


class Hub:
    """Who listens. Used on the event loop alone."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[str | None]] = set()
        self.skipped = 0
        """Frames that slow sockets missed."""

    def __len__(self) -> int:
        return len(self._queues)

    @property
    def full(self) -> bool:
        """Whether another socket is one too many."""
        return len(self._queues) >= MAX_SOCKETS

    @contextmanager
    def join(self) -> Generator[asyncio.Queue[str | None]]:
        """A queue of frames, for as long as a socket is open; ``None`` says: close."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(MAX_BEHIND)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def publish(self, text: str) -> None:
        """Hand a frame to every socket that keeps up."""
        for queue in self._queues:
            try:
                queue.put_nowait(text)
            except asyncio.QueueFull:
                self.skipped += 1

    def close(self) -> None:
        """Tell every socket to close."""
        for queue in self._queues:
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(None)
