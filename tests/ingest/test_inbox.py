"""The queue between network and writer."""

from __future__ import annotations

import random
import threading

from ingest.backoff import backoff_s
from ingest.inbox import Inbox
from ingest.message import Message


def message(mid: int, qos: int = 1) -> Message:
    return Message("t", b"", 0, qos, mid, 0)


def test_a_batch_is_full_or_as_old_as_allowed() -> None:
    inbox = Inbox(capacity=100)
    for mid in range(7):
        inbox.put(message(mid))
    assert [m.mid for m in inbox.take(5, max_age_s=60, patience_s=60)] == [0, 1, 2, 3, 4]
    assert [m.mid for m in inbox.take(5, max_age_s=0.01, patience_s=60)] == [5, 6]
    assert inbox.take(5, max_age_s=0.01, patience_s=0.01) == []


def test_a_waiting_writer_is_woken() -> None:
    inbox = Inbox(capacity=100)
    threading.Timer(0.05, inbox.put, [message(1)]).start()
    assert [m.mid for m in inbox.take(5, max_age_s=0.01, patience_s=30)] == [1]


def test_only_messages_without_a_promise_overflow() -> None:
    inbox = Inbox(capacity=2)
    for mid in range(4):
        inbox.put(message(mid, qos=0))
    inbox.put(message(9, qos=1))
    assert [m.mid for m in inbox.take(10, max_age_s=0.01, patience_s=1)] == [0, 1, 9]
    assert inbox.overflowed == 2


def test_backoff_grows_is_capped_and_is_never_zero() -> None:
    rng = random.Random(1)
    waits = [backoff_s(attempt, rng) for attempt in range(40)]
    assert all(0 < wait <= 5 for wait in waits)
    assert max(waits[:3]) < 0.5 < min(waits[8:])


def test_an_orphan_waits_for_its_redelivery_or_is_written_as_the_only_copy() -> None:
    inbox = Inbox(capacity=3)
    for mid in range(4):
        inbox.put(Message("t", b"%d" % mid, 0, 1, mid, 0))
    inbox.orphan()
    assert (len(inbox), inbox.overflowed) == (3, 1)  # bounded, however often a line breaks
    inbox.put(Message("t", b"2", 0, 1, 7, 1))
    taken = inbox.take(10, max_age_s=0.01, patience_s=1)
    assert [(m.payload, m.session) for m in taken] == [(b"1", 0), (b"3", 0), (b"2", 1)]
    assert len(inbox) == 0
