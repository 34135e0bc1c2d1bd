"""The best of n seeds: how much of it is luck. The largest of many scores is high whatever the method."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from modescape.errors import InputError
from modescape.metrics.seeds.summary import Summary, checked

REACH, STEPS = 12.0, 4_001  # of the grid of normal scores: 4e-33 lies beyond; the trapezoidal rule converges fast


def expected_maximum(runs: int) -> float:
    """Expected maximum of ``runs`` standard normal variables: 0, .564, .846, 1.029, 1.163, ...

    E max = integral of z n phi(z) Phi(z)^(n - 1).

    >>> round(expected_maximum(2), 6) == round(1 / math.pi**0.5, 6)
    True
    """
    z, step = _grid()
    return float((z * _density_of_best(runs)).sum() * step)


def best_of_normal(found: Summary, runs: int) -> float:
    """Expected best of ``runs`` runs of a method whose scores are normal with the observed mean and spread."""
    return found.mean + found.sd * expected_maximum(runs)


def best_of_seen(scores: np.ndarray, runs: int) -> float:
    """Expected best of ``runs`` runs without a distributional assumption: the mean over all subsets of that size.

    Unbiased, whereas the mean over draws with replacement is too low: sum_i C(i - 1, k - 1) / C(n, k) x_(i).

    Args:
        scores: of the runs there are, [run].
        runs: k, at most as many as there are.

    Source: Tang et al. 2020, "Showing your work doesn't always work", arXiv 2004.13705.

    >>> round(best_of_seen(np.array([1.0, 2.0, 4.0]), 2), 4)  # best of 1, 2; of 1, 4; of 2, 4
    3.3333
    """
    scores = checked(scores, 1)
    return float(_weights(len(scores), runs) @ np.sort(scores))


def chance_of_better_best(first: Summary, second: Summary, runs: int) -> float:
    """Probability that the best of ``runs`` runs of the first beats the best of as many of the second; normal scores.

    P = integral of n phi(z) Phi(z)^(n - 1) Phi((m_1 + s_1 z - m_2) / s_2)^n.
    """
    from scipy.special import ndtr

    z, step = _grid()
    if second.sd > first.sd:  # over the grid of the wider one: the other is a step on it
        return 1 - chance_of_better_best(second, first, runs)
    away = first.mean + first.sd * z - second.mean
    below = ndtr(away / second.sd) if second.sd > 0 else (np.sign(away) + 1) / 2
    return min(max(float((_density_of_best(runs) * below**runs).sum() * step), 0.0), 1.0)  # but for rounding


def chance_seen(first: np.ndarray, second: np.ndarray, runs: int) -> float:
    """`chance_of_better_best` without a distributional assumption: over all subsets of both; ties count half.

    >>> chance_seen(np.array([1.0, 3.0]), np.array([2.0, 2.5]), 1)
    0.5
    """
    first, second = np.sort(checked(first, 1)), np.sort(checked(second, 1))
    order = np.sign(first[:, None] - second[None, :])
    return float(_weights(len(first), runs) @ ((1 + order) / 2) @ _weights(len(second), runs))


def _weights(there: int, runs: int) -> np.ndarray:
    """How often each of the sorted scores is the largest of a subset of `runs` of them, [run]."""
    if not 1 <= runs <= there:
        raise InputError(f"the best of {runs} runs was asked for; expected 1 to {there}, as many as there are")
    every = math.comb(there, runs)
    return np.array([math.comb(rank, runs - 1) / every for rank in range(there)])


@lru_cache(maxsize=1)
def _grid() -> tuple[np.ndarray, float]:
    return np.linspace(-REACH, REACH, STEPS), 2 * REACH / (STEPS - 1)


@lru_cache(maxsize=64)
def _density_of_best(runs: int) -> np.ndarray:
    from scipy.special import ndtr

    z, _ = _grid()
    return runs * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * ndtr(z) ** (runs - 1)
