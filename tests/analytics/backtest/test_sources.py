"""Sources of history: a database and arrays say the same."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.backtest import ArraySource, Source, StoreSource, backtest
from analytics.times import moment
from telemetry.detection import Configuration, DetectorSpec
from telemetry.detection.trials import TrialOptions
from telemetry.readings import Readings
from tests.analytics import worlds
from tests.analytics.backtest import histories
from tests.analytics.backtest.histories import GAUGE, N
from tests.analytics.towns import Town, make_town, town
from tests.analytics.worlds import DAY, MINUTE, START

__all__ = ["make_town", "town"]  # fixtures

SPAN = (START - 2 * DAY, START + (N + 1) * MINUTE)


def told(source: Source, ids: list[int]) -> list[tuple[int, int, float]]:
    parts = [part for _, part in source.readings(ids, *SPAN)]
    columns = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("stream_ids", "times", "values")
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_a_database_and_arrays_say_the_same(town: Town, tmp_path: object) -> None:
    town.commit_all(histories.eventful())
    stored = StoreSource(town.url)
    streams = stored.streams()
    readings = [part for _, part in stored.readings([s.stream_id for s in streams], START - 8 * DAY, SPAN[1])]
    columns = Readings(
        *(
            np.concatenate([getattr(p, n) for p in readings])
            for n in ("stream_ids", "times", "values", "qualities")
        )
    )
    arrays = ArraySource(streams, stored.devices(), columns)
    mapped = arrays.kept_in(tmp_path)  # type: ignore[arg-type]
    ids = [streams[0].stream_id, streams[3].stream_id]
    for other in (arrays, mapped):
        assert told(other, ids) == told(stored, ids)
        steps, expected = other.steps(*SPAN, 10_000_000), stored.steps(*SPAN, 10_000_000)
        assert steps.numbers.tolist() == expected.numbers.tolist()
        assert steps.counts.tolist() == expected.counts.tolist()
        assert other.spacings(*SPAN) == pytest.approx(stored.spacings(*SPAN))
    assert len(told(stored, ids)) > 2 * N
    assert {reading[0] for reading in told(stored, ids)} == set(ids)


def test_arrays_are_in_the_order_of_time() -> None:
    with pytest.raises(ValueError, match="order of time"):
        ArraySource((), (), Readings.of([1, 1], [20, 10], [0.0, 0.0]))


def test_coarse_history_is_played_with_the_interval_it_has() -> None:
    """A level that stands high for an hour, in 15-minute steps of a gauge that sends each minute."""
    who = worlds.roster()
    times = np.arange(START - DAY, START + DAY, 15 * MINUTE)
    values = worlds.usual(who, times, seed=1)
    values[-20:-14, GAUGE] = 2.0
    rows = worlds.Rows(np.tile(np.arange(len(who)), len(times)), np.repeat(times, len(who)), values.ravel())
    limit = worlds.threshold(min_duration_s=1_800.0)
    limits = Configuration((DetectorSpec("limits", "limits"), DetectorSpec("silence", "silence")))
    found = backtest(
        limits, histories.source_of(rows), worlds.city([limit]), moment(START), moment(START + DAY),
        options=TrialOptions(train_days=1.0), workers=1,
    )  # fmt: skip
    (episode,) = found.episodes
    assert (episode.rule, episode.started_at) == ("limit:tide", moment(int(times[-18])))
