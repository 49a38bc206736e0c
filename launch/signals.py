"""Ctrl-C, `kill` and a closed terminal, as one question: whether to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Generator
from types import FrameType

_NAMES = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest(threading.Event):
    """Set by the first signal; ``hurry`` by the second.

    While ``interrupting``, the first signal also raises ``KeyboardInterrupt``: long
    steps of the start (downloads, migrations) end there and clear up.
    """

    def __init__(self) -> None:
        super().__init__()
        self.interrupting = False
        self.hurry = threading.Event()

    def receive(self, _number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        if self.is_set():
            self.hurry.set()
            return
        self.set()
        if self.interrupting:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def interruptible(self) -> Generator[None]:
        """Within, the first signal interrupts what is being done."""
        self.interrupting = True
        try:
            yield
        finally:
            self.interrupting = False


@contextlib.contextmanager
def stop_on_signals() -> Generator[StopRequest]:
    """Signals set the event inside; the handlers of before come back at the end."""
    request = StopRequest()
    before = {name: signal.signal(name, request.receive) for name in _NAMES}
    try:
        yield request
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
