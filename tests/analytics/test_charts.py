"""Control charts of several sensors at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from analytics.detectors.charts import chart, fit_model, forgetting, smoothed, spe_limit

COVARIANCE = np.array([[2.0, 1.2, 0.3], [1.2, 1.5, 0.2], [0.3, 0.2, 1.0]])


def test_t2_of_some_is_the_t2_of_those_alone() -> None:
    rng = np.random.default_rng(1)
    e = rng.normal(size=(1, 3))
    heard = np.array([[True, False, True]])
    found, gave = chart(e, heard, COVARIANCE[None], np.eye(3)[None])
    alone = e[:, [0, 2]]
    part = COVARIANCE[np.ix_([0, 2], [0, 2])]
    assert found[0, 0] == pytest.approx((alone @ np.linalg.inv(part) @ alone.T).item())
    assert gave[0, 1].tolist() == [0.0, 0.0]


def test_a_contribution_is_what_t2_falls_by_without_it() -> None:
    e, everyone = np.array([[1.0, -2.0, 0.5]]), np.ones((1, 3), np.bool_)
    whole, gave = chart(e, everyone, COVARIANCE[None], np.eye(3)[None])
    for i in range(3):
        without = everyone.copy()
        without[0, i] = False
        rest, _ = chart(e, without, COVARIANCE[None], np.eye(3)[None])
        assert gave[0, i, 0] == pytest.approx(whole[0, 0] - rest[0, 0])


def test_spe_limit_of_equal_variances_is_that_of_chi_square() -> None:
    """Jackson and Mudholkar's is an approximation; within a few percent."""
    assert spe_limit(np.ones(6), 0.99) == pytest.approx(chi2.ppf(0.99, 6), rel=0.03)


def test_limits_hold_on_white_noise() -> None:
    rng = np.random.default_rng(2)
    history = rng.multivariate_normal(np.zeros(3), COVARIANCE, 3000)
    model = fit_model(history, 0.6, 0.99)
    assert model is not None
    fresh = rng.multivariate_normal(np.zeros(3), COVARIANCE, 3000)
    n = len(fresh)
    found, _ = chart(
        fresh, np.ones(fresh.shape, np.bool_), np.repeat(model.covariance[None], n, 0), model.residual[None]
    )
    assert (found > model.limits).mean(axis=0) == pytest.approx([0.01, 0.01], abs=0.008)


def test_sensors_that_disagree_stand_out_in_spe() -> None:
    """Each within its own range, and against the common movement."""
    rng = np.random.default_rng(3)
    common = rng.normal(size=(2000, 1))
    history = common + 0.1 * rng.normal(size=(2000, 4))
    model = fit_model(history, 0.8, 0.99)
    assert model is not None
    e, everyone = np.array([[1.0, 1.0, -1.0, 1.0], [2.0, 2.0, 2.0, 2.0]]), np.ones((2, 4), np.bool_)
    found, gave = chart(e, everyone, np.repeat(model.covariance[None], 2, 0), model.residual[None])
    assert found[0, 1] > 20 * model.limits[1]
    assert gave[0, :, 1].argmax() == 2
    assert found[1, 1] < model.limits[1]


def test_few_steps_are_no_model() -> None:
    assert fit_model(np.zeros((30, 4)), 0.8, 0.99) is None


def test_smoothing_starts_from_nothing_and_skips_gaps() -> None:
    z = np.array([[1.0], [np.nan], [1.0]])
    weight = forgetting(300.0, 600.0)
    found, level = smoothed(z, 0.0, weight)
    assert found[:, 0] == pytest.approx([weight, np.nan, weight + weight * (1 - weight)], nan_ok=True)
    assert level.tolist() == [0.0]
