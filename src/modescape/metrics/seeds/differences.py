"""Whether the difference of two methods is more than the noise of their seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from modescape.metrics.seeds.effects import Effect, effect_size
from modescape.metrics.seeds.permutations import Permutation, dealt, flipped
from modescape.metrics.seeds.summary import TAIL, checked

NO_SPREAD = 1e-10  # of differences, over the size of the scores: rounding alone
SMALLEST = 1e-60  # spread whose fourth power float64 still holds


@dataclass(frozen=True)
class Spread:
    """Precision of a mean difference: its variance for one run each, and the degrees of freedom of that."""

    variance: float  # of one pair's difference; unpaired, the sum of the two methods' variances
    freedom: float


@dataclass(frozen=True)
class Difference:
    """First minus second; numbers in the unit of the scores."""

    test: str  # "paired t" or "Welch"
    runs: tuple[int, int]  # of the first and of the second; the number of pairs, twice, if paired
    value: float
    low: float  # ends of the interval for new runs
    high: float
    t: float
    freedom: float
    p: float  # two-sided
    effect: Effect  # d_z if paired, else Hedges' g
    permutation: Permutation | None  # exact; None with too many runs
    spread: Spread

    @property
    def paired(self) -> bool:
        """Whether runs of the two methods were paired."""
        return self.test == "paired t"


def paired_difference(first: np.ndarray, second: np.ndarray) -> Difference | None:
    """Student's t test of the differences of pairs; None where the differences have no spread.

    Args:
        first: [pair].
        second: [pair], in the same order.

    >>> found = paired_difference(np.array([3.0, 4.0, 6.0]), np.array([1.0, 1.0, 2.0]))
    >>> round(found.value, 2), round(found.t, 3), round(found.p, 4)
    (3.0, 5.196, 0.0351)
    """
    first, second = checked(first), checked(second)
    differences = first - second
    pairs, sd = len(differences), float(differences.std(ddof=1))
    if sd <= max(NO_SPREAD * float(np.abs(np.concatenate([first, second])).max()), SMALLEST):
        return None
    value, error = float(differences.mean()), sd / math.sqrt(pairs)
    effect = effect_size(value / error, pairs - 1, pairs)
    spread = Spread(sd**2, pairs - 1)
    return _difference("paired t", (pairs, pairs), value, error, spread, effect, flipped(differences))


def welch_difference(first: np.ndarray, second: np.ndarray) -> Difference | None:
    """Welch's t test of two methods whose runs are not paired; None where neither has any spread.

    Args:
        first: [run].
        second: [run].

    >>> found = welch_difference(np.array([3.0, 4.0, 6.0]), np.array([1.0, 1.0, 2.0]))
    >>> round(found.value, 2), round(found.t, 3), round(found.freedom, 2), round(found.p, 4)
    (3.0, 3.182, 2.56, 0.0621)
    """
    first, second = checked(first), checked(second)
    counts = len(first), len(second)
    variances = float(first.var(ddof=1)), float(second.var(ddof=1))
    size = float(np.abs(np.concatenate([first, second])).max())
    if math.sqrt(max(variances)) <= max(NO_SPREAD * size, SMALLEST):
        return None
    parts = [variance / count for variance, count in zip(variances, counts, strict=True)]
    freedom = sum(parts) ** 2 / sum(part**2 / (count - 1) for part, count in zip(parts, counts, strict=True))
    value, error = float(first.mean() - second.mean()), math.sqrt(sum(parts))
    both = sum(counts) - 2
    pooled = math.sqrt(sum(v * (n - 1) for v, n in zip(variances, counts, strict=True)) / both)
    single = counts[0] * counts[1] / sum(counts)
    effect = effect_size(value / pooled * math.sqrt(single), both, single)
    spread = Spread(sum(variances), _freedom_of_sum(variances, counts))
    return _difference("Welch", counts, value, error, spread, effect, dealt(first, second), freedom)


def _freedom_of_sum(variances: tuple[float, float], counts: tuple[int, int]) -> float:
    """Degrees of freedom of the sum of two variances, by Satterthwaite."""
    return sum(variances) ** 2 / sum(v**2 / (n - 1) for v, n in zip(variances, counts, strict=True))


def _difference(
    test: str,
    runs: tuple[int, int],
    value: float,
    error: float,
    spread: Spread,
    effect: Effect,
    permutation: Permutation | None,
    freedom: float | None = None,
) -> Difference:
    from scipy.special import stdtr, stdtrit

    freedom = spread.freedom if freedom is None else freedom
    t = value / error
    half = float(stdtrit(freedom, 1 - TAIL)) * error
    p = 2 * float(stdtr(freedom, -abs(t)))
    return Difference(test, runs, value, value - half, value + half, t, freedom, p, effect, permutation, spread)
