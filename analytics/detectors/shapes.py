"""Shapes: the principal components of a stream's windows, fitted and laid over new ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from analytics.columns import Columns, grown
from telemetry.detection.floors import Floor
from telemetry.detection.subspace import SubspaceParams

_PER_WINDOW = 24
"""Windows learnt from begin a 24th of a window apart: nearer neighbours say all but the same."""
_LEAST_WINDOWS = 6
"""Windows needed for each component."""


@dataclass(slots=True)
class Shapes:
    """Components of ``n`` streams, float32.

    ``mean`` ``(n, window)``; ``basis`` ``(n, components, window)``, orthonormal; ``prior``
    ``(n, components)``, noise over each component's variance; ``usual`` float64 ``(n,)``,
    the energy that is still usual, in the stream's unit squared, NaN where nothing was
    learnt.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    prior: NDArray[np.float32]
    usual: NDArray[np.float64]

    @classmethod
    def none(cls, window: int, components: int) -> Shapes:
        """Of no stream."""
        return cls(
            np.empty((0, window), np.float32),
            np.empty((0, components, window), np.float32),
            np.empty((0, components), np.float32),
            np.empty(0, np.float64),
        )

    def extend(self, n: int) -> None:
        """Make room for ``n`` streams, of which nothing was learnt."""
        self.mean, self.basis = grown(self.mean, n, 0.0), grown(self.basis, n, 0.0)
        self.prior, self.usual = grown(self.prior, n, 1.0), grown(self.usual, n, np.nan)

    def joined(self, parts: Sequence[Shapes]) -> Shapes:
        """These and those of ``parts``."""
        every = (self, *parts)
        return Shapes(
            np.concatenate([part.mean for part in every]),
            np.concatenate([part.basis for part in every]),
            np.concatenate([part.prior for part in every]),
            np.concatenate([part.usual for part in every]),
        )

    def taken(self, places: NDArray[np.intp]) -> Shapes:
        """Those of these streams."""
        return Shapes(self.mean[places], self.basis[places], self.prior[places], self.usual[places])

    def columns(self) -> Columns:
        """As a model's columns."""
        return {"mean": self.mean, "basis": self.basis, "prior": self.prior, "usual": self.usual}

    def take_up(self, model: Columns, source: NDArray[np.intp], target: NDArray[np.intp]) -> None:
        """Use rows ``source`` of a model for streams ``target``."""
        self.mean[target], self.basis[target] = model["mean"][source], model["basis"][source]
        self.prior[target], self.usual[target] = model["prior"][source], model["usual"][source]

    def laid_over(
        self, places: NDArray[np.int64], window: NDArray[np.float64], believed: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """What the components make of windows, from the steps believed, shape ``(n, window)``.

        Least squares under the prior of probabilistic PCA, by stream: nothing of it
        depends on which others are scored beside it.
        """
        mean, basis = self.mean[places].astype(np.float64), self.basis[places].astype(np.float64)
        apart = np.where(believed, window - mean, 0.0)
        seen = basis * believed[:, None, :]
        normal = seen @ basis.transpose(0, 2, 1)
        diagonal: NDArray[np.int64] = np.arange(int(basis.shape[1]))
        normal[:, diagonal, diagonal] += self.prior[places]
        weight = np.linalg.solve(normal, basis @ apart[..., None])
        return mean + (weight.transpose(0, 2, 1) @ basis)[:, 0, :]


def fit_shapes(
    means: NDArray[np.float32], floor: Floor, params: SubspaceParams, least_steps: int
) -> Shapes | None:
    """The components of one stream's history, shape ``(t,)`` with NaN; `None` where it is too short."""
    heard = ~np.isnan(means)
    windows = _windows(means, heard, params) if heard.sum() >= least_steps else np.empty((0, 0), np.float32)
    if len(windows) < _LEAST_WINDOWS * params.components:
        return None
    usual_value = float(np.median(means[heard]))
    least = max(floor.least, floor.share * abs(usual_value)) ** 2
    if np.ptp(windows) == 0.0:
        return _flat(windows[0], params.components, least)
    energy = _energies(_principal(windows[::2], params, least), windows, params.recent_steps)
    plain = energy <= np.quantile(energy, 1.0 - params.trimmed)
    shapes = _principal(windows[plain], params, least)
    energy = _energies(shapes, windows, params.recent_steps)
    shapes.usual[:] = max(float(np.quantile(energy, params.quantile)), least)
    return shapes


def _windows(
    means: NDArray[np.float32], heard: NDArray[np.bool_], params: SubspaceParams
) -> NDArray[np.float32]:
    """Windows of which enough was heard, gaps bridged by straight lines, shape ``(m, window)``."""
    width = params.window_steps
    if len(means) < width:
        return np.empty((0, width), np.float32)
    steps = np.arange(len(means))
    whole = np.interp(steps, steps[heard], means[heard]).astype(np.float32)
    stride = max(width // _PER_WINDOW, 1)
    every = np.lib.stride_tricks.sliding_window_view(whole, width)[::stride]
    count = np.concatenate(([0], np.cumsum(heard)))
    share = ((count[width:] - count[:-width]) / width)[::stride]
    return every[share >= max(params.least_share, 0.75)]


def _principal(windows: NDArray[np.float32], params: SubspaceParams, least: float) -> Shapes:
    """Their mean and components; ``least`` is the variance below which all is noise."""
    pca: Any = PCA(params.components, svd_solver="covariance_eigh")
    pca.fit(windows)
    noise = max(float(pca.noise_variance_), least)
    prior = noise / np.maximum(pca.explained_variance_, 1e-6 * noise)
    return Shapes(
        pca.mean_[None].astype(np.float32),
        pca.components_[None].astype(np.float32),
        prior[None].astype(np.float32),
        np.full(1, least),
    )


def _flat(window: NDArray[np.float32], components: int, least: float) -> Shapes:
    """Of a stream that never moved: no shape but its level."""
    return Shapes(
        window[None].astype(np.float32),
        np.zeros((1, components, len(window)), np.float32),
        np.ones((1, components), np.float32),
        np.full(1, least),
    )


def _energies(shapes: Shapes, windows: NDArray[np.float32], recent: int) -> NDArray[np.float64]:
    """What the components leave over of the newest steps of whole windows, shape ``(m,)``."""
    apart = windows - shapes.mean[0]
    weight = apart @ shapes.basis[0].T / (1.0 + shapes.prior[0])
    left = apart[:, -recent:] - weight @ shapes.basis[0][:, -recent:]
    return (left.astype(np.float64) ** 2).mean(axis=1)
