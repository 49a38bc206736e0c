"""An answer that many tabs ask for, made once in a while: later ones get the same bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from dashboard.static import PackedFile


class Fresh:
    """Keeps an answer for ``for_s`` seconds; those who ask while it is made wait for that one."""

    def __init__(self, make: Callable[[], Awaitable[PackedFile]], for_s: float) -> None:
        self._make = make
        self._for_s = for_s
        self._kept: PackedFile | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def get(self) -> PackedFile:
        """The answer, made anew where it is too old."""
        async with self._lock:
            if self._kept is None or time.monotonic() >= self._until:
                self._kept = await self._make()
                self._until = time.monotonic() + self._for_s
            return self._kept
