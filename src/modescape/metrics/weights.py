"""Weighted averages of models: weights of 0 or more that sum to 1 with the lowest NLL of the mixture.

The NLL of the mixture, - mean_n log sum_m w_m p_m(y_n), is convex in the weights. Without the condition on their sum,

    f(w) = - mean_n log (P w)_n + sum_m w_m

has the same minimum (scaling w by a changes f by - log a + (a - 1) sum w, minimal where the sum is 1), so Newton's
method with a logarithmic barrier for w > 0 finds it. The distance from the optimum is bounded: with g_m = mean_n
p_m(y_n) / (P w)_n no weights have an NLL lower by more than max_m g_m - 1.

Source: Kim, Carbonetto, Stephens and Anitescu 2020, "A fast algorithm for maximum likelihood estimation of mixture
proportions using sequential quadratic programming" (the condition left out); Boyd and Vandenberghe 2004, chapter 11.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modescape.errors import InputError

TOLERANCE = 1e-8  # nats, of the NLL
FEWER = 0.1  # the barrier's factor from one round to the next
NEWTON_STEPS = 50  # of a round; 2 to 6 are usual
NOTHING = 1e-6  # smaller weights are set to 0


class Weights(NamedTuple):
    """Weights with the lowest NLL."""

    weight: np.ndarray  # float64 [model], sum 1
    nll: float  # of the mixture on the examples that they were fitted on, nats
    gap: float  # bound on its distance from the lowest NLL, nats


def mixture_weights(log_likelihood: np.ndarray) -> Weights:
    """Find the weights of models whose weighted average has the lowest NLL.

    Args:
        log_likelihood: log-probability (or log-density) of the truth, [model, example].

    Returns:
        `Weights`; examples to which every model gives probability 0 are ignored in the fit, and make the NLL infinite.

    Raises:
        InputError: (a ValueError) on another shape, NaN, or if no example has any probability.

    >>> half = mixture_weights(np.log([[0.8, 0.2], [0.2, 0.8]]))
    >>> half.weight.round(6).tolist(), round(half.nll, 6)
    ([0.5, 0.5], 0.693147)
    """
    if log_likelihood.ndim != 2 or not log_likelihood.size or np.isnan(log_likelihood).any():
        raise InputError(f"log_likelihood has shape {list(log_likelihood.shape)}; expected [model, example], no NaN")
    largest = log_likelihood.max(0).astype(np.float64)
    possible = ~np.isneginf(largest)
    if not possible.any():
        raise InputError("no model gives any probability to the truth of any example; weights need one")
    likelihood = np.exp(log_likelihood[:, possible] - largest[possible])
    weight = _newton(likelihood)
    weight = np.where(weight < NOTHING, 0.0, weight)
    weight /= weight.sum()
    mixture = weight @ likelihood
    with np.errstate(divide="ignore"):
        nll = float(-(np.log(mixture) + largest[possible]).mean()) if possible.all() else float("inf")
        gap = float((likelihood / mixture).mean(1).max() - 1)
    return Weights(weight, nll, max(gap, 0.0))


def _newton(likelihood: np.ndarray) -> np.ndarray:
    """Minimum of f by Newton's method with a decreasing barrier, [model]."""
    models, examples = likelihood.shape
    weight, barrier = np.full(models, 1 / models), 1e-2 / models
    while True:
        for _ in range(NEWTON_STEPS):
            ratio = likelihood / (weight @ likelihood)
            slope = 1 - ratio.mean(1) - barrier / weight
            bend = ratio @ ratio.T / examples + np.diag(barrier / np.square(weight))
            step = -np.linalg.solve(bend, slope)
            decrement = float(-slope @ step)
            if decrement < 1e-4 * barrier * models:
                break
            weight = _line_search(likelihood, weight, step, slope, barrier)
        if barrier * models < TOLERANCE:
            return weight
        barrier *= FEWER


def _line_search(
    likelihood: np.ndarray, weight: np.ndarray, step: np.ndarray, slope: np.ndarray, barrier: float
) -> np.ndarray:
    """The largest step of 1, 1/2, 1/4, ... that stays inside and lowers f enough."""

    def value(at: np.ndarray) -> float:
        return float(-np.log(at @ likelihood).mean() + at.sum() - barrier * np.log(at).sum())

    before, size = value(weight), 1.0
    while size > 1e-12:
        there = weight + size * step
        if (there > 0).all() and value(there) <= before + 1e-4 * size * float(slope @ step):
            return there
        size /= 2
    return weight
