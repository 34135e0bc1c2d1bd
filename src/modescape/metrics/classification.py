"""Scores of predicted class probabilities: accuracy, negative log-likelihood, Brier score, calibration error.

Everything takes log-probabilities [..., example, class] and labels [example] and computes in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from modescape.arrays import Array, check_log_prob, to_numpy
from modescape.errors import InputError
from modescape.metrics.blocks import check_label, confidence_bin, example_blocks

PerExample = Callable[[np.ndarray, np.ndarray], np.ndarray]
Checked = Callable[[Array, Array], tuple[np.ndarray, np.ndarray, Callable[[Any], Array]]]


def checked(log_prob: Array, label: Array) -> tuple[np.ndarray, np.ndarray, Callable[[Any], Array]]:
    """Both as NumPy arrays, checked, and the function that converts a result to the type of the input."""
    (log_prob, label), restore = to_numpy(log_prob, label)
    check_log_prob(log_prob)
    check_label(label, *log_prob.shape[-2:])
    return log_prob, label, restore


def mean_score(per_example: PerExample, log_prob: Array, label: Array) -> Array:
    """Mean over the examples of a per-example score, [...]."""
    log_prob, label, restore = checked(log_prob, label)
    return restore(per_example(log_prob, label).mean(-1))


def _top(log_prob: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether the first most probable class is the label (1.0, 0.0) and its probability; NaN where one is NaN."""
    confidence = np.exp(log_prob.max(-1).astype(np.float64))
    correct = (log_prob.argmax(-1) == label).astype(np.float64)
    correct[np.isnan(confidence)] = np.nan
    return correct, confidence


def example_accuracy(log_prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    """1 where the first most probable class is the label, else 0; [..., example]."""
    return _top(log_prob, label)[0]


def example_nll(log_prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    """- log p_y, nats; [..., example]."""
    index = label.reshape((1,) * (log_prob.ndim - 2) + (-1, 1))
    return 0.0 - np.take_along_axis(log_prob, index, -1)[..., 0].astype(np.float64)  # 0 - x: no negative zero


def example_brier(log_prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    """sum_c (p_c - 1[c = y])^2; [..., example]."""
    out = np.empty(log_prob.shape[:-1])
    for block in example_blocks(label.size, log_prob.size // label.size):
        difference = np.exp(log_prob[..., block, :].astype(np.float64))
        difference[..., np.arange(difference.shape[-2]), label[block]] -= 1
        out[..., block] = np.einsum("...c,...c->...", difference, difference)
    return out


def accuracy(log_prob: Array, label: Array) -> Array:
    """Share of examples whose most probable class is the label; in a tie the first class counts.

    Args:
        log_prob: log-probabilities, [..., example, class].
        label: true classes, [example].

    Returns:
        Shape [...], 0 to 1; NaN where a log-probability is NaN.

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit.

    >>> import numpy as np
    >>> accuracy(np.log([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1], [0.2, 0.8]]), np.array([0, 1, 1, 1]))
    0.75
    """
    return mean_score(example_accuracy, log_prob, label)


def nll(log_prob: Array, label: Array) -> Array:
    """Negative log-likelihood of the labels, - mean_n log p_n(y_n), in nats per example.

    Args:
        log_prob: log-probabilities, [..., example, class].
        label: true classes, [example].

    Returns:
        Shape [...], 0 or more; infinite if a label has probability 0.

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit.

    >>> import numpy as np
    >>> round(nll(np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0])), 4)  # 1.5 ln 2
    1.0397
    """
    return mean_score(example_nll, log_prob, label)


def brier(log_prob: Array, label: Array) -> Array:
    """Brier score mean_n sum_c (p_nc - 1[c = y_n])^2, from 0 (certain and right) to 2 (certain and wrong).

    Args:
        log_prob: log-probabilities, [..., example, class].
        label: true classes, [example].

    Returns:
        Shape [...].

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit.

    Source: Brier 1950. Fort et al. 2019 (arXiv 1912.02757) write the same sum expanded, sum_c p_c^2 - 2 p_y + 1.

    >>> import numpy as np
    >>> round(brier(np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0])), 4)
    0.8125
    """
    return mean_score(example_brier, log_prob, label)


def ece(log_prob: Array, label: Array, bins: int = 15) -> Array:
    """Expected calibration error of the most probable class, ``sum_b n_b / n |accuracy_b - confidence_b|``.

    The bins have equal width, (lower, upper], so that a confidence of exactly 1 is in the last one.

    Args:
        log_prob: log-probabilities, [..., example, class].
        label: true classes, [example].
        bins: equal-width bins of the top probability.

    Returns:
        Shape [...], 0 (calibrated) to 1; NaN where a log-probability is NaN.

    Raises:
        InputError: (a ValueError) on shapes, labels, values or bins that do not fit.

    Source: Guo et al. 2017, arXiv 1706.04599.

    >>> import numpy as np
    >>> round(ece(np.log([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1])), 4)  # 90 % sure, right half of the time
    0.4
    """
    if bins < 1:
        raise InputError(f"bins is {bins}; expected 1 or more")
    log_prob, label, restore = checked(log_prob, label)
    correct, confidence = (value.reshape(-1, label.size) for value in _top(log_prob, label))
    out = np.full(len(correct), np.nan)
    for row in np.flatnonzero(~np.isnan(confidence).any(-1)):
        gap = np.bincount(confidence_bin(confidence[row], bins), correct[row] - confidence[row], bins)
        out[row] = np.abs(gap).sum() / label.size
    return restore(out.reshape(log_prob.shape[:-2]))
