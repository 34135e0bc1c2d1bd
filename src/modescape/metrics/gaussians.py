"""Gaussian predictions and mixtures of them: moments, densities, the CRPS, quantiles; float64 throughout.

A prediction is [..., example, 2 x output]: the means of all outputs, then their log-variances. An ensemble is the equal
mixture of its members' Gaussians. Outputs are independent given the member: a density is the product over outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError
from modescape.metrics.intervals import LEVEL

HALVINGS = 60  # of the bracket of a quantile: to 1e-18 of its width
ROOT_2PI = math.sqrt(2 * math.pi)


class Gaussian(NamedTuple):
    """Means and variances, float64 [..., example, output] each."""

    mean: np.ndarray
    variance: np.ndarray


def gaussian(predictive: np.ndarray) -> Gaussian:
    """Means and variances of predictions [..., example, 2 x output]."""
    mean, log_variance = np.split(predictive.astype(np.float64), 2, -1)
    return Gaussian(mean, np.exp(log_variance))


def predictive_of(found: Gaussian) -> np.ndarray:
    """Predictions [..., example, 2 x output] from means and variances."""
    with np.errstate(divide="ignore"):
        return np.concatenate([found.mean, np.log(found.variance)], -1)


def check_predictive(predictive: np.ndarray, target: np.ndarray, ndim: int = 2) -> None:
    """Check that predictions fit the targets.

    Raises:
        InputError: on shapes that do not fit, or targets that are not finite.
    """
    if predictive.ndim < ndim or predictive.shape[-1] % 2 or not predictive.size:
        raise InputError(
            f"predictions have shape {list(predictive.shape)}; expected [..., example, 2 x output]: means of all "
            "outputs, then their log-variances"
        )
    expected = [predictive.shape[-2], predictive.shape[-1] // 2]
    if list(target.shape) != expected:
        raise InputError(f"target has shape {list(target.shape)}; expected {expected}, [example, output]")
    if not np.isfinite(target).all():
        raise InputError("target holds values that are not finite")


def checked(
    predictive: Array, target: Array, ndim: int = 2
) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], Array]]:
    """Both as NumPy arrays, checked, and the function that converts a result to the type of the input."""
    (predictive, target), restore = to_numpy(predictive, target)
    check_predictive(predictive, target, ndim)
    return predictive, target.astype(np.float64), restore


def combine_gaussians(predictive: Array, dim: int = 0) -> np.ndarray:
    """The Gaussian with the moments of a mixture: mean of means; mean of variances plus variance of means.

    Args:
        predictive: [..., model, ..., example, 2 x output].
        dim: the dimension of the models, which disappears.

    Returns:
        float64.

    Source: Lakshminarayanan et al. 2017, arXiv 1612.01474, section 2.4.
    """
    (predictive,), _ = to_numpy(predictive)
    mean, variance = gaussian(predictive)
    return predictive_of(Gaussian(mean.mean(dim), variance.mean(dim) + mean.var(dim)))


def log_density(found: Gaussian, target: np.ndarray) -> np.ndarray:
    """Log-density of targets [example, output], [..., example]."""
    squared = np.square(target - found.mean) / found.variance
    return -0.5 * (squared + np.log(found.variance) + math.log(2 * math.pi)).sum(-1)


def absolute(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """E |X| of X ~ N(mean, variance): 2 s phi(m / s) + m (2 Phi(m / s) - 1), and |m| without variance."""
    from scipy.special import ndtr

    deviation = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = mean / deviation
        found = 2 * deviation * np.exp(-0.5 * np.square(ratio)) / ROOT_2PI + mean * (2 * ndtr(ratio) - 1)
    return np.where(deviation > 0, found, np.abs(mean))


def crps(found: Gaussian, target: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score of Gaussians, mean over outputs, in the target's unit; [..., example].

    int (F(x) - 1[x >= y])^2 dx = E|X - y| - E|X - X'| / 2 = s (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)).

    Source: Gneiting and Raftery 2007, "Strictly proper scoring rules, prediction, and estimation", eq. 20 and 21.
    """
    apart = np.sqrt(found.variance / math.pi)  # half of E|X - X'|
    return (absolute(target - found.mean, found.variance) - apart).mean(-1)


def crps_mixture(found: Gaussian, target: np.ndarray) -> np.ndarray:
    """CRPS of the equal mixture of models, mean over outputs, in the target's unit; [example].

    mean_i A(y - m_i, s_i^2) - 1/2 mean_ij A(m_i - m_j, s_i^2 + s_j^2) with A(m, v) = E|N(m, v)|.

    Args:
        found: of each model, [model, example, output].
        target: [example, output].

    Source: Grimit et al. 2006, "The continuous ranked probability score for circular variables", eq. 5.
    """
    first = absolute(target - found.mean, found.variance).mean(-1)
    return first.mean(0) - pairs(found).mean((0, 1)) / 2


def pairs(found: Gaussian) -> np.ndarray:
    """E|X_i - X_j| between every two models, mean over outputs; [model, model, example] of [model, example, output]."""
    mean, variance = found
    return absolute(mean[:, None] - mean[None], variance[:, None] + variance[None]).mean(-1)


def interval_mixture(found: Gaussian, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Central interval of the equal mixture of models: quantiles of its distribution by bisection.

    Args:
        found: of each model, [model, example, output]; with one model the interval is m +- z s.
        level: probability inside.

    Returns:
        Lower and upper end, [example, output] each.
    """
    from scipy.special import ndtr, ndtri

    mean, deviation = found.mean, np.sqrt(found.variance)
    reach = ndtri((1 + level) / 2) * deviation
    ends = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        side = -1 if share < 0.5 else 1
        each = mean + side * reach  # of every model alone: the mixture's lies between the least and the largest
        low, high = each.min(0), each.max(0)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            below = ndtr((middle - mean) / deviation).mean(0) < share
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        ends.append((low + high) / 2)
    return ends[0], ends[1]


def scale_gaussian(found: Gaussian, target: np.ndarray) -> np.ndarray:
    """The factor for all variances with the largest likelihood: mean((y - m)^2 / s^2), [..., example, output] -> [...].

    It is known in closed form.
    """
    return (np.square(target - found.mean) / found.variance).mean((-2, -1))


def scale_mixture(found: Gaussian, target: np.ndarray, tolerance: float = 1e-12, most: int = 100) -> float:
    """The factor for all models' variances with which their mixture has the largest likelihood, by Newton's method.

    The NLL is minimised over the factor's logarithm; a step that does not decrease it is halved.

    Args:
        found: of each model, [model, example, output].
        target: [example, output].
        tolerance: of the last step.
        most: steps.
    """
    squared = (np.square(target - found.mean) / found.variance).sum(-1)  # [model, example]
    constant, outputs = -0.5 * np.log(found.variance).sum(-1), target.shape[-1]
    at = math.log(float(np.mean(squared.min(0))) / outputs + 1e-300)

    def nll(value: float) -> tuple[float, float, float]:
        """Up to a constant, with its first and second derivative."""
        u = 0.5 * squared * math.exp(-value)
        log = constant - u
        top = log.max(0)
        weight = np.exp(log - top)
        total = weight.sum(0)
        weight /= total
        first = (weight * u).sum(0)  # -u is the exponent, du / dvalue = -u
        second = (weight * u * u).sum(0) - first**2 - first
        return (
            float((0.5 * outputs * value - np.log(total) - top).mean()),
            float(0.5 * outputs - first.mean()),
            float(-second.mean()),
        )

    value, slope, bend = nll(at)
    for _ in range(most):
        step = -slope / bend if bend > 0 else -math.copysign(1.0, slope)
        step = math.copysign(min(abs(step), 2.0), step)
        new = nll(at + step)
        while new[0] > value and abs(step) > tolerance:
            step /= 2
            new = nll(at + step)
        at, (value, slope, bend) = at + step, new
        if abs(step) <= tolerance:
            break
    return math.exp(at)


def scaled(predictive: np.ndarray, factor: np.ndarray | float) -> np.ndarray:
    """Predictions [..., example, 2 x output] with all variances multiplied by ``factor`` [...]."""
    mean, log_variance = np.split(predictive.astype(np.float64), 2, -1)
    return np.concatenate([mean, log_variance + np.log(np.asarray(factor))[..., None, None]], -1)
