"""Reliability diagrams: accuracy against confidence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modescape.arrays import Array, check_log_prob, to_numpy
from modescape.errors import InputError
from modescape.metrics.blocks import check_label, confidence_bin
from modescape.metrics.classification import example_accuracy


class Reliability(NamedTuple):
    """The bins of a reliability diagram, from low to high confidence."""

    confidence: np.ndarray  # mean probability of the most probable class, [..., bin]; NaN for empty bins
    accuracy: np.ndarray  # share of its examples predicted correctly, [..., bin]; NaN for empty bins
    share: np.ndarray  # share of all examples that are in the bin, [..., bin]; sums to 1


def reliability(log_prob: Array, label: Array, bins: int = 15) -> Reliability:
    """Confidence, accuracy and share of the examples in equal-width bins of the top probability.

    The bins are those of `ece`, (lower, upper]: sum_b share_b |accuracy_b - confidence_b| is the ECE.

    Args:
        log_prob: log-probabilities, [..., example, class].
        label: true classes, [example].
        bins: equal-width bins of the top probability.

    Returns:
        `Reliability`, float64 [..., bin] each; a model with any NaN has NaN in every bin.

    Raises:
        InputError: (a ValueError) on shapes, labels, values or bins that do not fit.

    Source: DeGroot and Fienberg 1983; Guo et al. 2017, arXiv 1706.04599.

    >>> import numpy as np
    >>> result = reliability(np.log([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]]), np.array([0, 1, 1]), bins=4)
    >>> result.confidence.round(2).tolist(), result.accuracy.tolist(), result.share.round(2).tolist()
    ([nan, nan, 0.6, 0.85], [nan, nan, 1.0, 0.5], [0.0, 0.0, 0.33, 0.67])
    """
    if bins < 1:
        raise InputError(f"bins is {bins}; expected 1 or more")
    (log_prob, label), _ = to_numpy(log_prob, label)
    check_log_prob(log_prob)
    check_label(label, *log_prob.shape[-2:])
    correct = example_accuracy(log_prob, label).reshape(-1, label.size)
    confidence = np.exp(log_prob.max(-1).astype(np.float64)).reshape(-1, label.size)
    count, right, sure = np.full((3, len(correct), bins), np.nan)  # sums over the examples of a bin
    for row in np.flatnonzero(~np.isnan(confidence).any(-1)):
        place = confidence_bin(confidence[row], bins)
        count[row] = np.bincount(place, minlength=bins)
        right[row] = np.bincount(place, correct[row], bins)
        sure[row] = np.bincount(place, confidence[row], bins)
    with np.errstate(invalid="ignore"):  # 0 / 0: an empty bin
        parts = (sure / count, right / count, count / label.size)
    return Reliability(*(part.reshape(*log_prob.shape[:-2], bins) for part in parts))
