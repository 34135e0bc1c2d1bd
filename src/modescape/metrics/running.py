"""Scores of many averages, gathered block by block; each block's values are known at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from modescape.metrics.averages import ECE_BINS, Average, average_accuracy
from modescape.metrics.blocks import confidence_bin


class Running(Protocol):
    """Sees every block of averages once and returns each example's value at once; see `modescape.metrics.many`."""

    def look(self, average: Average) -> None:
        """See a block in advance, before any is added: the first ones, as many as are read at a time."""
        ...

    def add(self, average: Average) -> np.ndarray:
        """Add a block; returns values whose mean over all examples is the score, [subset, example]."""
        ...

    def total(self) -> np.ndarray:
        """Sum of each subset's score over the examples so far, [subset]."""
        ...


class RunningMean:
    """A score that is a mean over examples.

    Args:
        values: score of every example, [subset, example].
    """

    def __init__(self, values: Callable[[Average], np.ndarray]) -> None:
        self.values, self.sum = values, np.zeros(1)

    def look(self, average: Average) -> None:
        """Nothing."""

    def add(self, average: Average) -> np.ndarray:
        """See `Running`."""
        values = self.values(average)
        self.sum = self.sum + values.sum(1)
        return values

    def total(self) -> np.ndarray:
        """See `Running`."""
        return self.sum


class RunningCalibrationError:
    """The ECE, which is a mean over examples once the sign of every bin is known (`averages.CalibrationError`).

    Signs come from the examples seen in advance, or from those added so far if these are more. The score is
    exact, and so are the values if all examples were seen in advance.

    Args:
        subsets: how many.
    """

    def __init__(self, subsets: int) -> None:
        self.bins, self.before = np.zeros((2, subsets * ECE_BINS))
        self.seen, self.seen_before = 0, 0
        self.first_bin = np.arange(subsets)[:, None] * ECE_BINS

    def look(self, average: Average) -> None:
        """See `Running`."""
        gap, place = self._placed(average)
        self.before += np.bincount(place.ravel(), gap.ravel(), len(self.before))
        self.seen_before += gap.shape[1]

    def add(self, average: Average) -> np.ndarray:
        """See `Running`."""
        gap, place = self._placed(average)
        self.bins += np.bincount(place.ravel(), gap.ravel(), len(self.bins))
        self.seen += gap.shape[1]
        return gap * np.sign(self.bins if self.seen > self.seen_before else self.before)[place]

    def total(self) -> np.ndarray:
        """See `Running`."""
        return np.abs(self.bins.reshape(-1, ECE_BINS)).sum(1)

    def _placed(self, average: Average) -> tuple[np.ndarray, np.ndarray]:
        """Correct less confidence, and the bin, [subset, example] each."""
        gap = average_accuracy(average) - average.confidence
        return gap, self.first_bin + confidence_bin(average.confidence, ECE_BINS)
