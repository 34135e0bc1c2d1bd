"""Calibration errors of several networks on the same resampled examples, so that differences are paired."""

from __future__ import annotations

import numpy as np

from modescape.metrics.blocks import confidence_bin
from modescape.metrics.intervals import resample_counts

BINS = 15
RESAMPLES = 400  # known is a standard deviation to 4 %
MOST_PARTS = (
    500  # of more examples every 500th is drawn together with the others of its part: sums, not examples, are kept
)


class ResampledErrors:
    """The ECE of networks on the same resamples of a test set.

    Args:
        examples: in the test set.
        group: of each example, [example]; None: each is its own.
        key: of the stream.
    """

    def __init__(self, examples: int, group: np.ndarray | None, key: int) -> None:
        units = np.arange(examples) if group is None else np.unique(group, return_inverse=True)[1]
        self.part = units % MOST_PARTS
        self.parts = int(self.part.max(initial=0)) + 1
        self.counts = resample_counts(self.parts, RESAMPLES, key).astype(np.float64)
        self.drawn = self.counts @ np.bincount(self.part, minlength=self.parts)

    def of(self, confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
        """ECE of a network on every resample, [resample].

        Args:
            confidence: probability of the most probable class, [example].
            correct: whether it is the true one, [example].
        """
        place = self.part * BINS + confidence_bin(confidence, BINS)
        gap = np.bincount(place, correct - confidence, self.parts * BINS).reshape(self.parts, BINS)
        return np.abs(self.counts @ gap).sum(1) / self.drawn


def paired_half(one: np.ndarray, other: np.ndarray) -> float:
    """Half of the 95 % interval of a difference, these members on new examples; NaN where a resample has no number.

    The normal interval of the resamples' standard deviation, around the difference that was measured: the ECE of few
    examples lies above that of many, and of a resample above both, in the two alike.

    Args:
        one: on each resample, [resample].
        other: the same of what it is compared with.
    """
    return 1.959963984540054 * float(np.std(one - other, ddof=1)) if len(one) > 1 else float("nan")
