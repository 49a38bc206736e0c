"""Fresh models beside the loop."""

from __future__ import annotations

import threading

import numpy as np

from analytics.history import fit_all
from analytics.refit import Refitter
from analytics.times import HOUR
from tests.analytics.towns import Town, make_town, town
from tests.analytics.worlds import MINUTE, START, wait_for

__all__ = ["make_town", "town"]  # fixtures


def test_models_are_fitted_when_due_and_taken_up_by_the_loop(town: Town) -> None:
    engine = town.engine()
    refitter = Refitter(town.url, START)
    due = START + HOUR
    assert refitter.poll(engine, due - MINUTE) == {}
    fitted = refitter.poll(engine, due)

    def ended() -> bool:
        fitted.update(refitter.poll(engine, due))
        return bool(fitted)

    wait_for(ended)
    assert set(fitted) == {"seasonal", "stuck"}
    assert np.isin(fitted["stuck"]["stream"], town.ids).all()
    engine.learn(town.conn, fitted, due)
    assert engine.fitted == due
    refitter.close()


def test_young_history_is_tried_again_soon(town: Town) -> None:
    town.conn.execute("DELETE FROM reading")
    engine = town.engine()
    assert engine.fitted == 0
    refitter = Refitter(town.url, START)
    assert refitter.poll(engine, START + 2 * MINUTE) == {}
    refitter.close()
    assert refitter.poll(engine, START + 3 * MINUTE) == {}
    assert refitter.poll(engine, START + 3 * MINUTE) == {}, "not before ten minutes"
    refitter.close()


def test_a_fit_given_up_ends_early(town: Town) -> None:
    engine = town.engine()
    halt = threading.Event()
    halt.set()
    assert fit_all(town.conn, engine.core.pipeline.stages, engine.core.roster, START, halt) == {}


def test_watchers_learn_nothing_from_readings_of_bad_quality_and_guards_do(town: Town) -> None:
    engine = town.engine()
    stages, roster = engine.core.pipeline.stages, engine.core.roster
    before = fit_all(town.conn, stages, roster, START, threading.Event())
    bad = int(np.intersect1d(before["seasonal"]["stream"], before["stuck"]["stream"])[0])
    town.conn.execute(
        "INSERT INTO quality_interval (key, stream_id, kind, started_at, detector, score, detail)"
        " VALUES ('stuck', %s, 'stuck', '2000-01-01+00', 'stuck', 1, '{}')",
        (bad,),
    )
    after = fit_all(town.conn, stages, roster, START, threading.Event())
    assert set(after["seasonal"]["stream"]) == set(before["seasonal"]["stream"]) - {bad}
    assert bad in after["stuck"]["stream"]
