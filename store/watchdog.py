"""A database that takes a question and never answers: cut the line to it, and say so.

Neither a statement timeout nor TCP notices it. The first is kept by the server, which is
the one that hangs; the second is content as long as the other machine's kernel confirms.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Generator
from typing import Self

import psycopg

logger = logging.getLogger(__name__)


class Watchdog:
    """Cuts a connection whose owner has waited too long; the wait then ends in `OperationalError`.

    One thread for the connection's life. Nothing is known of a commit that was cut short:
    treat what was in it as not committed and write it again.
    """

    def __init__(self, conn: psycopg.Connection, patience_s: float) -> None:
        self._conn = conn
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="database-watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    @contextlib.contextmanager
    def watching(self) -> Generator[None]:
        """Everything asked of the database in here must be answered within ``patience_s``."""
        self._set(time.monotonic() + self._patience_s)
        try:
            yield
        finally:
            self._set(None)

    def _set(self, deadline: float | None) -> None:
        # No notice: the thread looks often enough, and a notice would cost a switch for each flush.
        with self._changed:
            self._deadline = deadline

    def _watch(self) -> None:
        step_s = min(1.0, self._patience_s / 4)
        with self._changed:
            while not self._closed:
                if self._deadline is not None and time.monotonic() > self._deadline:
                    self._deadline = None
                    self._cut()
                self._changed.wait(step_s)

    def _cut(self) -> None:
        logger.warning("the database has not answered for %.0f s: hanging up", self._patience_s)
        # A second handle of the same socket: the owner, in another thread, keeps its own.
        with (
            contextlib.suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(self._conn.fileno())) as line,
        ):
            line.shutdown(socket.SHUT_RDWR)
