"""The one interval that only analyses need: test sampling alone, where no other networks are there to compare."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from modescape.metrics.intervals import LEVEL


def sampling_interval(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a mean over many test examples: mean +- z sqrt(variance), z of the normal distribution.

    Args:
        mean: the estimate, [...].
        variance: its variance through the test examples, [...]; NaN gives no interval.

    Returns:
        Lower and upper end, [...] each.
    """
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * np.sqrt(variance)
    return mean - half, mean + half
