"""Noise is a function of its key and the instant."""

from __future__ import annotations

import numpy as np
import pytest

from device_sims import noise

KEYS = np.array([noise.key(7, "a"), noise.key(7, "b"), noise.key(7, "c")], dtype=np.uint64)
KEY_OF_7_A_1 = 4_645_382_080_913_178_834
SECONDS = 1.7e9 + np.arange(40_000.0)


def test_keys_do_not_depend_on_the_process() -> None:
    assert noise.key(7, "a", 1) == KEY_OF_7_A_1
    assert noise.key(7, "a", 1) != noise.key(7, "a1")
    assert noise.key(7, "a") != noise.key(8, "a")


def test_white_noise_is_standard_and_bounded() -> None:
    got = noise.white(KEYS, np.arange(100_000, dtype=np.int64) * 1_000_000)
    assert np.abs(got.mean(axis=0)).max() < 0.02
    assert got.std(axis=0) == pytest.approx(1.0, abs=0.02)
    assert np.abs(got).max() <= 3.5
    assert np.abs(np.corrcoef(got.T) - np.eye(3)).max() < 0.02
    assert abs(np.corrcoef(got[:-1, 0], got[1:, 0])[0, 1]) < 0.02


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda s: noise.white(KEYS, (s * 1e6).astype(np.int64)), id="white"),
        pytest.param(lambda s: noise.smooth(KEYS, s, 300.0), id="smooth"),
        pytest.param(lambda s: noise.ornstein_uhlenbeck(noise.key(7, "f"), s, 90.0, 10.0), id="ou"),
    ],
)
def test_an_instant_has_one_value_whatever_is_asked_with_it(draw: object) -> None:
    whole = draw(SECONDS[:600])  # type: ignore[operator]
    alone = np.concatenate([draw(SECONDS[k : k + 1]) for k in range(0, 600, 37)])  # type: ignore[operator]
    assert np.array_equal(whole[::37], alone)


def test_smooth_noise_moves_slowly() -> None:
    got = noise.smooth(KEYS, SECONDS, 300.0)
    assert got.std() == pytest.approx(1.0, abs=0.15)
    assert np.abs(np.diff(got, axis=0)).max() < 0.04


def test_the_frequency_path_forgets_at_its_time_constant() -> None:
    seconds = 1.7e9 + np.arange(0, 400_000, 10.0)
    path = noise.ornstein_uhlenbeck(noise.key(7, "f"), seconds, 90.0, 10.0)
    assert path.std() == pytest.approx(1.0, abs=0.05)
    lag_90_s = np.corrcoef(path[:-9], path[9:])[0, 1]
    assert lag_90_s == pytest.approx(np.exp(-1), abs=0.05)
