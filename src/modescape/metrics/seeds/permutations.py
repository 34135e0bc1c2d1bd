"""Exact permutation tests for few runs: all permutations are enumerated."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from modescape.metrics.seeds.summary import checked

MOST_DEALINGS = 200_000  # most permutations: ten runs against ten have 184,756, seventeen pairs 131,072
ROUNDING = 1e-12  # of sums, relative: sums that are equal but for it count as equal


class Permutation(NamedTuple):
    """A p value and the smallest one that this number of runs can reach."""

    p: float
    smallest: float


def dealt(first: np.ndarray, second: np.ndarray) -> Permutation | None:
    """Two-sided p of the difference in means of two methods with unpaired runs; None with too many runs.

    If the methods were the same, every division of all scores into n and m would be equally likely; p is twice the
    smaller share of divisions whose difference is at least (at most) the observed one, as in SciPy. The smallest is 2 /
    C(n + m, n).

    Args:
        first: scores of the runs of one method, [run].
        second: scores of the runs of the other, [run].

    >>> found = dealt(np.array([3.0, 4.0, 5.0]), np.array([0.0, 1.0, 2.0]))
    >>> round(found.p, 3), round(found.smallest, 3)
    (0.1, 0.1)
    """
    first, second = checked(first, 1), checked(second, 1)
    ways = math.comb(len(first) + len(second), len(first))
    if ways > MOST_DEALINGS:
        return None
    scores = np.concatenate([first, second])
    scores = scores - scores.mean()
    sums = _divisions(len(first), len(second)) @ scores
    return Permutation(
        _two_sided(sums, float(scores[: len(first)].sum()), float(np.abs(scores).sum())), min(2 / ways, 1.0)
    )


def flipped(differences: np.ndarray) -> Permutation | None:
    """Two-sided p of the mean of paired differences, by flipping their signs; None with too many pairs.

    If the methods were the same, each difference would have either sign with equal probability. The smallest p is 2 /
    2^n.

    Args:
        differences: of the scores of each pair, [pair].

    >>> flipped(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    Permutation(p=0.0625, smallest=0.0625)
    """
    differences = checked(differences, 1)
    ways = 2 ** len(differences)
    if ways > MOST_DEALINGS:
        return None
    sums = _signs(len(differences)) @ differences
    seen = float(differences.sum())
    return Permutation(_two_sided(sums, seen, float(np.abs(differences).sum())), min(2 / ways, 1.0))


def _two_sided(sums: np.ndarray, seen: float, size: float) -> float:
    slack = ROUNDING * size
    share = min(np.mean(sums >= seen - slack), np.mean(sums <= seen + slack))
    return min(2 * float(share), 1.0)


@lru_cache(maxsize=4)
def _divisions(first: int, second: int) -> np.ndarray:
    """Which scores go to the first method in each division, float64 [division, score]."""
    chosen = np.array(list(itertools.combinations(range(first + second), first)))
    masks = np.zeros((len(chosen), first + second))
    np.put_along_axis(masks, chosen, 1.0, axis=1)
    return masks


@lru_cache(maxsize=4)
def _signs(pairs: int) -> np.ndarray:
    """All sign vectors of that many differences, float64 [way, pair]."""
    bits = np.arange(2**pairs)[:, None] >> np.arange(pairs) & 1
    return 1.0 - 2.0 * bits
