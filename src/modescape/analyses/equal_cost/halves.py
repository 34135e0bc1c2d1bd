"""Which examples choose and which judge, and cross-fitting on halves of the examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from modescape import rng
from modescape.metrics.grouping import count_units
from modescape.metrics.scoring import Scoring


@dataclass(frozen=True)
class Side:
    """Targets of the examples, and their groups."""

    label: np.ndarray  # [example], of a regression [example, output]
    group: np.ndarray | None  # of each example, or None
    key: int  # of the random stream that splits them into halves

    @property
    def units(self) -> int:
        """Number of resampled units: examples, or groups of them."""
        return count_units(self.group, len(self.label))

    def halves(self) -> np.ndarray:
        """Which half each example is in, 0 or 1; groups are not split."""
        order = rng.permutation(torch.tensor([rng.key(self.key, "halves")]), self.units)[0].numpy()
        half = np.zeros(self.units, dtype=np.int64)
        half[order[self.units // 2 :]] = 1
        return half if self.group is None else half[self.group]

    def part(self, chosen: np.ndarray, purpose: str) -> Side:
        """Some of the examples, by a mask."""
        group = None if self.group is None else np.unique(self.group[chosen], return_inverse=True)[1]
        return Side(self.label[chosen], group, rng.key(self.key, purpose))


def on_the_other_half(
    predictive: np.ndarray, side: Side, fitted: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Predictions of each half, adjusted by a fit on the other half.

    Args:
        predictive: [..., example, width].
        side: these examples.
        fitted: (predictions, of the same networks on the examples that are fitted to, their targets) -> predictions.
    """
    half, out = side.halves(), np.empty(predictive.shape)
    for own in (0, 1):
        here, there = half == own, half != own
        out[..., here, :] = fitted(predictive[..., here, :], predictive[..., there, :], side.label[there])
    return out


def calibrated(predictive: np.ndarray, side: Side, scoring: Scoring) -> np.ndarray:
    """Each network's predictions at the temperature (or scale) that suits the other half of the examples best."""
    return on_the_other_half(predictive, side, scoring.calibrate)
