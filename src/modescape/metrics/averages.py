"""Averages of many subsets of members at once, and their scores, gathered without holding their predictions.

The mean probabilities of many subsets are one matrix product of the subsets' masks with the members' probabilities,
taken a block of examples at a time. A collector sees every block once and returns each subset's score and a value for
each example: values whose mean over the examples is the score, and whose variance gives the score's sampling variance.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from modescape.arrays import Array, check_log_prob, to_numpy
from modescape.errors import InputError
from modescape.metrics.blocks import confidence_bin, example_blocks
from modescape.metrics.grouping import count_units

ECE_BINS = 15
FOLDS = 30  # parts of the test set that are left out in turn, for scores that are not means over examples
SAFE = 1e-280  # a mean probability below this has lost digits to underflow


def combine(log_prob: Array, dim: int = 0) -> Array:
    """Log of the mean probability, log (1/M sum_m p_m): the prediction of an ensemble of M models.

    Args:
        log_prob: log-probabilities, any shape; minus infinity is a probability of 0.
        dim: the dimension of the models, which disappears.

    Returns:
        float64, the shape of ``log_prob`` without ``dim``.

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


class Subsets(NamedTuple):
    """Subsets of members to average and score, and the linear combinations of their scores that are wanted."""

    log_prob: np.ndarray  # [member, example, class], free of NaN
    label: np.ndarray  # [example]
    masks: np.ndarray  # bool [subset, member]
    mixing: np.ndarray  # weights of the subsets' scores, [row, subset]: their mean, members' influences
    group: np.ndarray | None = None  # of each example (`modescape.arrays.group_codes`); None: each is its own group

    @property
    def shape(self) -> tuple[int, int]:
        """Subsets and examples."""
        return len(self.masks), len(self.label)


@dataclass(frozen=True)
class Average:
    """The mean predictions of all subsets on a block of examples."""

    subsets: Subsets
    block: slice
    mean: np.ndarray  # probabilities, [subset, class, example]
    confidence: np.ndarray  # probability of the first most probable class, [subset, example]
    predicted: np.ndarray  # that class, [subset, example]

    @property
    def label(self) -> np.ndarray:
        """[example]."""
        return self.subsets.label[self.block]

    @functools.cached_property
    def of_label(self) -> np.ndarray:
        """Probability of the label, [subset, example]."""
        return self.mean[:, self.label, np.arange(self.mean.shape[2])]

    @property
    def log_prob(self) -> np.ndarray:
        """[subset, example, class]."""
        with np.errstate(divide="ignore"):
            return np.log(np.minimum(self.mean, 1.0)).transpose(0, 2, 1)


def averages(subsets: Subsets, votes: bool = False) -> Iterator[Average]:
    """The averages, a block of examples at a time.

    Args:
        subsets: the subsets.
        votes: probabilities are 0 and 1; they are counted before dividing, so that ties are exact.
    """
    log_prob, label, masks = subsets[:3]
    size = masks.sum(1, keepdims=True)
    share = masks.astype(np.float64) if votes else masks / size
    classes = log_prob.shape[2]
    for block in example_blocks(label.size, len(masks) * classes):
        part = log_prob[:, block].astype(np.float64)  # [member, example, class]
        prob = np.exp(part).transpose(0, 2, 1)  # [member, class, example]: examples last keep every pass contiguous
        mean = (share @ prob.reshape(len(prob), -1)).reshape(len(masks), classes, -1)
        if votes:
            mean /= size[:, :, None]
        yield average_of(subsets, block, mean)


def average_of(subsets: Subsets, block: slice, mean: np.ndarray) -> Average:
    """Mean predictions on a block of examples, probabilities [subset, class, example]."""
    confidence, predicted = mean[:, 0].copy(), np.zeros((len(mean), mean.shape[2]), dtype=np.int32)
    for number in range(1, mean.shape[1]):
        better = np.multiply(mean[:, number] > confidence, number, dtype=np.int32)
        np.maximum(predicted, better, out=predicted)  # the last that was better has the largest number
        np.maximum(confidence, mean[:, number], out=confidence)
    return Average(subsets, block, mean, confidence, predicted)


def average_accuracy(average: Average) -> np.ndarray:
    """1 where the first most probable class is the label, else 0; [subset, example]."""
    return (average.predicted == average.label).astype(np.float64)


def average_brier(average: Average) -> np.ndarray:
    """sum_c p_c^2 - 2 p_y + 1, [subset, example]."""
    return np.einsum("sce,sce->se", average.mean, average.mean) - 2 * average.of_label + 1


def average_nll(average: Average) -> np.ndarray:
    """NLL [subset, example]; where probabilities underflow, from the members' own NLL by log-sum-exp."""
    of_label, (log_prob, _, masks) = average.of_label, average.subsets[:3]
    start = average.block.start
    with np.errstate(divide="ignore"):
        out = 0.0 - np.log(of_label)  # 0 - x: no negative zero
    for subset, example in zip(*np.nonzero(of_label < SAFE), strict=True):
        values = -log_prob[masks[subset], start + example, average.label[example]].astype(np.float64)
        least = values.min()
        if np.isfinite(least):
            out[subset, example] = least - np.log(np.exp(least - values).mean())
    return out


class Collector(Protocol):
    """Sees every block of averages once."""

    def add(self, average: Average) -> None:
        """Take in a block."""
        ...

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Sum over examples of each subset's score, [subset], and each example's value, [row, example].

        The latter combined by `Subsets.mixing`.
        """
        ...


class Examples:
    """A score that is a mean over examples.

    Args:
        subsets: what is scored.
        values: score of every example, [subset, example].
    """

    def __init__(self, subsets: Subsets, values: Callable[[Average], np.ndarray]) -> None:
        self.subsets, self.values = subsets, values
        self.total = np.zeros(len(subsets.masks))
        self.mixed = np.empty((len(subsets.mixing), len(subsets.label)))

    def add(self, average: Average) -> None:
        """See `Collector`."""
        values = self.values(average)
        with np.errstate(invalid="ignore"):  # an infinite NLL times a weight
            self.mixed[:, average.block] = self.subsets.mixing @ values
            self.total += values.sum(1)

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """See `Collector`."""
        return self.total, self.mixed


class CalibrationError:
    """The ECE, which is a mean over examples once the sign of every bin is known.

    sum_b |sum_(x in b) (correct - confidence)| = sum_x sign(b(x)) (correct - confidence).
    """

    def __init__(self, subsets: Subsets) -> None:
        self.subsets = subsets
        self.gap = np.empty(subsets.shape, dtype=np.float32)  # correct - confidence, until the bins' signs are known
        self.place = np.empty(subsets.shape, dtype=np.uint8)
        self.bins = np.zeros(len(subsets.masks) * ECE_BINS)
        self.first_bin = np.arange(len(subsets.masks))[:, None] * ECE_BINS

    def add(self, average: Average) -> None:
        """See `Collector`."""
        gap, place = average_accuracy(average) - average.confidence, confidence_bin(average.confidence, ECE_BINS)
        self.gap[:, average.block], self.place[:, average.block] = gap, place
        self.bins += np.bincount((self.first_bin + place).ravel(), gap.ravel(), len(self.bins))

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """See `Collector`."""
        mixing, label = self.subsets.mixing, self.subsets.label
        bins = self.bins.reshape(-1, ECE_BINS)
        sign, mixed = np.sign(bins), np.empty((len(mixing), label.size))
        for block in example_blocks(label.size, len(bins)):
            signs = np.take_along_axis(sign, self.place[:, block].astype(np.intp), 1)
            mixed[:, block] = mixing @ (self.gap[:, block] * signs)
        return np.abs(bins).sum(1), mixed


class Folds:
    """Any score of a whole test set, such as an F1 score, by a jackknife over parts of the test set.

    With F = `FOLDS` folds, every F-th example in each, the variance of the pseudo-values F s - (F - 1) s_-f over
    folds is F times that of the score over test sets (the jackknife). Each example gets the pseudo-value of its
    fold, scaled so that the variance of their mean is the same. Each subset is scored F + 1 times. If examples have
    groups, a fold is every F-th group, and `grouping.by_group` recovers the scaled value of each.

    Args:
        subsets: what is scored.
        aggregate: (log-probabilities [example, class], labels) -> score.
    """

    def __init__(self, subsets: Subsets, aggregate: Callable[[np.ndarray, np.ndarray], Array]) -> None:
        self.subsets, self.aggregate = subsets, aggregate

    def add(self, average: Average) -> None:
        """Nothing: the score needs the whole test set."""

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """See `Collector`."""
        log_prob, label, masks, mixing, group = self.subsets
        count = count_units(group, label.size)
        folds = min(FOLDS, count)
        fold = np.arange(count) % folds
        of_example = fold if group is None else fold[group]
        score, apart = np.empty(len(masks)), np.empty((len(masks), folds))
        for row, mask in enumerate(masks):
            together = combine(log_prob[mask])
            score[row] = self.aggregate(together, label)
            apart[row] = self._left_out(together, of_example, folds)
        with np.errstate(invalid="ignore"):  # infinite scores
            pseudo = folds * score[:, None] - (folds - 1) * apart
            share = np.bincount(fold, minlength=folds) / count
            stretch = (count / max(folds - 1, 1)) ** 0.5
            own = stretch * (pseudo - (pseudo @ share)[:, None])
            spread = (mixing @ own)[:, of_example]
            if group is not None:
                spread = spread * (label.size / count / np.bincount(group)[group])
            return score * label.size, (mixing @ score)[:, None] + spread

    def _left_out(self, log_prob: np.ndarray, fold: np.ndarray, folds: int) -> np.ndarray:
        """Score without each fold, [fold]; NaN where nothing is left."""
        if folds < 2:
            return np.full(folds, np.nan)
        rest = (fold != number for number in range(folds))
        return np.array([self.aggregate(log_prob[kept], self.subsets.label[kept]) for kept in rest], dtype=np.float64)
