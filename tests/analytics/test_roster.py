"""Streams in a dense order, and readings that are not what they should be."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.columns import pack, unpack
from analytics.roster import Roster
from analytics.rounds import Forward, rounds
from analytics.times import micros, moment
from telemetry.readings import Readings
from tests.analytics import worlds
from tests.analytics.worlds import START


def test_strangers_and_infinite_values_are_left_out() -> None:
    who = worlds.roster()
    readings = Readings.of([11, 99, -1, 12, 13], [START] * 5, [1.0, 2.0, 3.0, np.nan, np.inf])
    rows = who.rows(readings)
    assert rows.streams.tolist() == [0]
    assert not who.knows_all(readings)
    assert Roster.of((), ()).rows(readings).streams.tolist() == []


def test_a_clock_that_ran_ahead_does_not_shut_its_stream_out() -> None:
    who, forward = worlds.roster(), Forward()
    forward.extend(len(who))
    ahead = who.rows(Readings.of([11], [START + 500_000_000], [1.0]), now=START)
    assert [part.times.tolist() for part in forward.rounds(ahead)] == [[START]]
    later = who.rows(Readings.of([11], [START + 1], [1.0]), now=START + 2)
    assert [part.times.tolist() for part in forward.rounds(later)] == [[START + 1]]


def test_known_streams_keep_their_places() -> None:
    who = worlds.roster()
    more = worlds.roster((worlds.device("new", "x", "co"), *worlds.DEVICES), first_id=10)
    grown = who.extended(more.streams, list(more.devices.values()))
    assert grown.stream_ids.tolist() == [*who.stream_ids.tolist(), 10]
    assert grown.device_ids[: len(who.device_ids)] == who.device_ids
    assert grown.place(np.array([10, 11], np.int32)).tolist() == [5, 0]


@pytest.mark.parametrize("seed", range(5))
def test_rounds_hold_each_stream_once_and_go_forward(seed: int) -> None:
    rng = np.random.default_rng(seed)
    streams, times = rng.integers(0, 6, 40), rng.permutation(40)
    parts = rounds(streams, times)
    assert sorted(np.concatenate(parts).tolist()) == list(range(40))
    last = np.full(6, -1)
    for part in parts:
        assert len(set(streams[part].tolist())) == len(part)
        assert (times[part] > last[streams[part]]).all()
        last[streams[part]] = times[part]


def test_columns_come_back_from_bytes() -> None:
    tables = {"a.decided": {"n": np.arange(3), "s": np.array(["x", "yy"])}, "b": {"z": np.empty((0, 2))}}
    back = unpack(pack(tables))
    assert {name: sorted(columns) for name, columns in back.items()} == {"a.decided": ["n", "s"], "b": ["z"]}
    np.testing.assert_array_equal(back["a.decided"]["s"], ["x", "yy"])


def test_pickles_are_refused() -> None:
    danger = {"a": {"o": np.array([{"x": 1}], dtype=object)}}
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        pack(danger)


def test_times_are_exact() -> None:
    assert micros(moment(1_767_546_000_123_457)) == 1_767_546_000_123_457
