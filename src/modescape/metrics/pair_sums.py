"""Means and covariances of many models' scores, gathered in one pass over blocks of examples."""

from __future__ import annotations

import numpy as np

from modescape.metrics.paired import Moments


class MomentSums:
    """`modescape.metrics.paired.moments` for values that come a block at a time.

    Deviations are taken from the first block's means, so that the correction at the end is small.
    """

    def __init__(self) -> None:
        self.units, self.centre, self.total, self.products = 0, np.zeros(1), np.zeros(1), np.zeros((1, 1))

    def add(self, values: np.ndarray) -> None:
        """Add scores of a block of examples, [model, example]."""
        with np.errstate(invalid="ignore"):  # infinite scores
            if not self.units:
                first = values.mean(1, dtype=np.float64)
                self.centre = np.where(np.isfinite(first), first, 0.0)
            apart = values - self.centre[:, None]
            self.total = self.total + apart.sum(1)
            self.products = self.products + apart @ apart.T
        self.units += values.shape[1]

    def finish(self) -> Moments:
        """Means and covariance."""
        with np.errstate(invalid="ignore"):  # infinite scores
            apart = self.total / self.units
            covariance = self.products / self.units - apart[:, None] * apart[None, :]
        return Moments(self.centre + apart, covariance, self.units)
