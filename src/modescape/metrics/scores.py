"""Scores of predictions: accuracy, negative log-likelihood, Brier, expected calibration error; and averaging models.

Everything takes log-probabilities [..., example, class] and labels [example] and computes in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from modescape.arrays import Array, check_log_prob, to_numpy
from modescape.errors import InputError

BLOCK = 1 << 20  # float64 numbers held at a time beside the input: 8 MiB


def check_label(label: np.ndarray, examples: int, classes: int) -> None:
    """Refuse labels that do not fit the log-probabilities.

    Raises:
        InputError: on a wrong shape or dtype, or a label outside 0 .. classes - 1.
    """
    if label.shape != (examples,):
        raise InputError(f"label has shape {list(label.shape)}; expected [{examples}], one for each example")
    if label.dtype.kind not in "iu":
        raise InputError(f"label has dtype {label.dtype}; expected whole numbers 0 .. {classes - 1}")
    outside = np.flatnonzero((label < 0) | (label >= classes))
    if outside.size:
        raise InputError(
            f"label {label[outside[0]]} of example {outside[0]} ({outside.size} in all) is outside "
            f"0 .. {classes - 1}, the {classes} classes of log_prob"
        )


def example_blocks(examples: int, numbers_per_example: int) -> Iterator[slice]:
    """Slices of examples that keep about `BLOCK` numbers in memory at a time."""
    step = max(1, BLOCK // max(1, numbers_per_example))
    for start in range(0, examples, step):
        yield slice(start, min(start + step, examples))


def _checked(log_prob: Array, label: Array) -> tuple[np.ndarray, np.ndarray, Callable[[Any], Array]]:
    (log_prob, label), restore = to_numpy(log_prob, label)
    check_log_prob(log_prob)
    check_label(label, *log_prob.shape[-2:])
    return log_prob, label, restore


def _top(log_prob: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether the first most probable class is the label (1.0, 0.0) and its probability; NaN where one is NaN."""
    confidence = np.exp(log_prob.max(-1).astype(np.float64))
    correct = (log_prob.argmax(-1) == label).astype(np.float64)
    correct[np.isnan(confidence)] = np.nan
    return correct, confidence


def _example_accuracy(log_prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    return _top(log_prob, label)[0]


def _example_nll(log_prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    index = label.reshape((1,) * (log_prob.ndim - 2) + (-1, 1))
    return 0.0 - np.take_along_axis(log_prob, index, -1)[..., 0].astype(np.float64)  # 0 - x: no negative zero


def _example_brier(log_prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    out = np.empty(log_prob.shape[:-1])
    for block in example_blocks(label.size, log_prob.size // label.size):
        difference = np.exp(log_prob[..., block, :].astype(np.float64))
        difference[..., np.arange(difference.shape[-2]), label[block]] -= 1
        out[..., block] = np.einsum("...c,...c->...", difference, difference)
    return out


EXAMPLE_SCORES = {"accuracy": _example_accuracy, "nll": _example_nll, "brier": _example_brier}


def example_scores(log_prob: Array, label: Array) -> dict[str, Array]:
    """Score of every example, for the metrics that are means over examples.

    Args:
        log_prob: log-probabilities, [..., example, class].
        label: true classes, [example].

    Returns:
        accuracy (1 or 0), nll (nats) and brier (0 to 2), float64 [..., example] each.

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit.

    >>> import numpy as np
    >>> example_scores(np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0]))["brier"].round(3).tolist()
    [0.5, 1.125]
    """
    log_prob, label, restore = _checked(log_prob, label)
    return {name: restore(score(log_prob, label)) for name, score in EXAMPLE_SCORES.items()}


def accuracy(log_prob: Array, label: Array) -> Array:
    """Share of examples whose most probable class is the label; of equally probable classes the first counts.

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
    log_prob, label, restore = _checked(log_prob, label)
    return restore(_example_accuracy(log_prob, label).mean(-1))


def nll(log_prob: Array, label: Array) -> Array:
    """Negative log-likelihood of the labels, - mean_n log p_n(y_n), in nats per example.

    Args:
        log_prob: log-probabilities, [..., example, class].
        label: true classes, [example].

    Returns:
        Shape [...], 0 or more; infinite where a label was given no probability at all.

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit.

    >>> import numpy as np
    >>> round(nll(np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0])), 4)  # 1.5 ln 2
    1.0397
    """
    log_prob, label, restore = _checked(log_prob, label)
    return restore(_example_nll(log_prob, label).mean(-1))


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
    log_prob, label, restore = _checked(log_prob, label)
    return restore(_example_brier(log_prob, label).mean(-1))


def confidence_bin(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Number of the equal-width bin (lower, upper] of [0, 1]; rounding above 1 or at 0 falls into the end bins."""
    return np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1).astype(np.int64)


def ece(log_prob: Array, label: Array, bins: int = 15) -> Array:
    """Expected calibration error of the most probable class, sum_b n_b / n |accuracy_b - confidence_b|.

    The bins are equally wide, open below and closed above, so that a confidence of exactly 1 is in the last one.

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
    log_prob, label, restore = _checked(log_prob, label)
    correct, confidence = (value.reshape(-1, label.size) for value in _top(log_prob, label))
    out = np.full(len(correct), np.nan)
    for row in np.flatnonzero(~np.isnan(confidence).any(-1)):
        gap = np.bincount(confidence_bin(confidence[row], bins), correct[row] - confidence[row], bins)
        out[row] = np.abs(gap).sum() / label.size
    return restore(out.reshape(log_prob.shape[:-2]))


def combine(log_prob: Array, dim: int = 0) -> Array:
    """Log of the mean probability, log (1/M sum_m p_m): the prediction of an ensemble of M models.

    Args:
        log_prob: log-probabilities, any shape; minus infinity is a probability of 0.
        dim: the dimension of the models, which disappears.

    Returns:
        float64, the shape without `dim`.

    Raises:
        InputError: (a ValueError) if there is no such dimension, it is empty, or values are above 0.

    >>> import numpy as np
    >>> np.exp(combine(np.log([[[0.9, 0.1]], [[0.5, 0.5]]]))).round(4).tolist()
    [[0.7, 0.3]]
    """
    (log_prob,), restore = to_numpy(log_prob)
    check_log_prob(log_prob, "[..., model, ...]", ndim=1)
    if not -log_prob.ndim <= dim < log_prob.ndim:
        raise InputError(f"dim is {dim}; log_prob has only the dimensions of {list(log_prob.shape)}")
    largest = np.asarray(log_prob.max(dim, keepdims=True), dtype=np.float64)
    shift = np.where(np.isneginf(largest), 0.0, largest)  # no probability anywhere: log 0, not NaN
    total = np.exp(log_prob - shift).sum(dim)
    with np.errstate(divide="ignore"):
        return restore(np.log(total) + shift.squeeze(dim) - np.log(log_prob.shape[dim]))


@dataclass(frozen=True)
class Metric:
    """A score of predictions, and how to read it."""

    function: Callable[..., Array]  # (log_prob [..., example, class], label [example]) -> [...]
    unit: str  # "1" for pure numbers
    higher_is_better: bool


METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, "1", True),
    "nll": Metric(nll, "nats", False),
    "brier": Metric(brier, "1", False),
    "ece": Metric(ece, "1", False),
}
