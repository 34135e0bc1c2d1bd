"""Scores of a regression's predicted means and variances, averages of many subsets, and the ambiguity.

Predictions are those of `modescape.metrics.gaussians`; all scores are in the target's unit.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from modescape.arrays import Array
from modescape.errors import InputError
from modescape.metrics import gaussians
from modescape.metrics.averages import SAFE, Subsets
from modescape.metrics.blocks import example_blocks
from modescape.metrics.gaussians import Gaussian, checked, gaussian


def example_squared(predictive: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Squared error of the mean, mean over outputs; [..., example]."""
    return np.square(gaussian(predictive).mean - target).mean(-1)


def example_nll(predictive: np.ndarray, target: np.ndarray) -> np.ndarray:
    """- log density of the target, nats; [..., example]."""
    return -gaussians.log_density(gaussian(predictive), target)


def example_crps(predictive: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score, mean over outputs; [..., example]."""
    return gaussians.crps(gaussian(predictive), target)


def rmse(predictive: Array, target: Array) -> Array:
    """Root of the mean squared error over examples and outputs, [..., example, 2 x output] -> [...]."""
    predictive, target, restore = checked(predictive, target)
    return restore(np.sqrt(example_squared(predictive, target).mean(-1)))


@dataclass(frozen=True)
class Mixtures:
    """The mixtures of all subsets on a block of examples."""

    subsets: Subsets
    block: slice

    @functools.cached_property
    def _members(self) -> Gaussian:
        return gaussian(self.subsets.log_prob[:, self.block])

    @functools.cached_property
    def _share(self) -> np.ndarray:
        masks = self.subsets.masks
        return masks / masks.sum(1, keepdims=True)  # [subset, member]

    @property
    def _target(self) -> np.ndarray:
        return self.subsets.label[self.block]

    @property
    def squared(self) -> np.ndarray:
        """Squared error of the mean, mean over outputs; [subset, example]."""
        mean = self._members.mean
        together = (self._share @ mean.reshape(len(mean), -1)).reshape(-1, *mean.shape[1:])
        return np.square(together - self._target).mean(-1)

    @property
    def nll(self) -> np.ndarray:
        """- log of the mean density, [subset, example]; where densities underflow, by log-sum-exp of the members'."""
        log = gaussians.log_density(self._members, self._target)  # [member, example]
        top = log.max(0)
        mean = self._share @ np.exp(log - top)
        with np.errstate(divide="ignore"):
            out = -np.log(mean) - top
        for subset, example in zip(*np.nonzero(mean < SAFE), strict=True):
            values = log[self.subsets.masks[subset], example]
            out[subset, example] = -np.log(np.exp(values - values.max()).mean()) - values.max()
        return out

    @property
    def crps(self) -> np.ndarray:
        """Exact CRPS of the mixture, mean over outputs; [subset, example]."""
        members = self._members
        first = gaussians.absolute(self._target - members.mean, members.variance).mean(-1)
        pairs = gaussians.pairs(members)  # [member, member, example]
        both = (self._share[:, :, None] * self._share[:, None]).reshape(len(self._share), -1)
        return self._share @ first - both @ pairs.reshape(-1, pairs.shape[-1]) / 2


def mixture_nll(average: Mixtures) -> np.ndarray:
    """Exact NLL of every mixture, [subset, example]."""
    return average.nll


def mixture_crps(average: Mixtures) -> np.ndarray:
    """Exact CRPS of every mixture, [subset, example]."""
    return average.crps


def mixtures(subsets: Subsets) -> Iterator[Mixtures]:
    """The mixtures of all subsets, a block of examples at a time."""
    members, examples, width = subsets.log_prob.shape
    for block in example_blocks(examples, members * members * width + len(subsets.masks) * width):
        yield Mixtures(subsets, block)


class RootMean:
    """A collector for the root of a mean over examples, linearised: sqrt(s) + (s(x) - s) / (2 sqrt(s)).

    The values of the examples have the root as their mean, and its variance over test sets (the delta method).
    """

    def __init__(self, subsets: Subsets) -> None:
        self.subsets = subsets
        self.squared = np.empty(subsets.shape)

    def add(self, average: Any) -> None:
        """See `modescape.metrics.averages.Collector`."""
        self.squared[:, average.block] = average.squared

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """See `modescape.metrics.averages.Collector`."""
        mean = self.squared.mean(1, keepdims=True)
        root = np.sqrt(mean)
        with np.errstate(invalid="ignore", divide="ignore"):  # no error at all
            values = np.where(root > 0, root + (self.squared - mean) / (2 * root), 0.0)
        return root[:, 0] * self.squared.shape[1], self.subsets.mixing @ values


class Ambiguity(NamedTuple):
    """Squared error of the ensemble's mean = mean member's squared error - variance of the means, exactly."""

    members: float  # mean over members, examples and outputs
    variance: float  # of the members' means (1/n), mean over examples and outputs
    ensemble: float  # squared error of the mean of the means


def ambiguity(predictive: Array, target: Array) -> Ambiguity:
    """The three parts of the ambiguity decomposition, in squares of the target's unit.

    Args:
        predictive: [member, example, 2 x output].
        target: [example, output].

    Source: Krogh and Vedelsby 1995, "Neural network ensembles, cross validation, and active learning".
    """
    predictive, target, _ = checked(predictive, target, 3)
    mean = gaussian(predictive).mean
    together = mean.mean(0)
    return Ambiguity(
        float(np.square(mean - target).mean()),
        float(np.square(mean - together).mean()),
        float(np.square(together - target).mean()),
    )


class SquaredErrorLaw(NamedTuple):
    """Mean squared error of ensembles of every size, E(k) = E1 - (1 - 1/k) V."""

    mean_member: float  # E1
    diversity: float  # V: mean over pairs of members of 1/2 (m_i - m_j)^2, mean over examples and outputs

    def at(self, size: Array) -> Array:
        """E(k), the mean over all subsets of k members; k may be infinite."""
        return self.mean_member - (1 - 1 / size) * self.diversity


def squared_error_law(predictive: Array, target: Array) -> SquaredErrorLaw:
    """E1 and V of the exact law of the squared error; arguments as `ambiguity`, 2 members or more.

    Raises:
        InputError: (a ValueError) on shapes that do not fit, and for a single member.

    Source: an identity of sampling k out of n without replacement, as `modescape.metrics.brier_law`.
    """
    parts, members = ambiguity(predictive, target), len(predictive)
    if members < 2:
        raise InputError("there is 1 member; the law compares pairs, so it needs 2 or more")
    return SquaredErrorLaw(parts.members, parts.variance * members / (members - 1))


class Coverage(NamedTuple):
    """Coverage and width of central intervals."""

    share: np.ndarray  # 1 where the interval holds the target, mean over outputs; [example]
    width: np.ndarray  # mean over outputs, in the target's unit; [example]


def coverage(predictive: np.ndarray, target: np.ndarray) -> Coverage:
    """Whether the central 95 % intervals of the mixture of models contain the targets; [model, example, 2 x output]."""
    low, high = gaussians.interval_mixture(gaussian(predictive))
    inside = (low <= target) & (target <= high)
    return Coverage(inside.mean(-1), (high - low).mean(-1))
