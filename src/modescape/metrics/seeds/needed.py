"""How many runs are needed: for an interval of a wanted width, or to detect a difference with a wanted power.

Both take the observed spread as the true one, and scores as normal. The spread of few runs is known poorly (five runs:
.6 to 2.9 times the observed): every number comes with what it would be at the ends of the spread's interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from modescape.errors import InputError
from modescape.metrics.seeds.differences import Difference
from modescape.metrics.seeds.effects import share_below
from modescape.metrics.seeds.summary import TAIL, Summary, spread_interval

MOST_RUNS = 1_000_000  # beyond which no number is given


@dataclass(frozen=True)
class Noise:
    """The variance of what is averaged over runs, and its degrees of freedom with n runs of each method."""

    variance: float  # of the mean of one run each
    freedom_per_run: float  # 1: one sample or pairs; 1 to 2: two methods (Welch)

    def freedom(self, runs: int) -> float:
        """Degrees of freedom with that many runs (of each method)."""
        return (runs - 1) * self.freedom_per_run


class Needed(NamedTuple):
    """Number of runs needed (of each method); None: more than a million."""

    runs: int | None
    low: int | None  # at the ends of the interval of the spread
    high: int | None


def noise_of(found: Summary | Difference, sds: tuple[float, float] | None = None) -> tuple[Noise, float]:
    """The noise of what will be averaged, and the degrees of freedom with which its variance is known now.

    Args:
        found: a method, or the difference of two.
        sds: spreads of the two methods, for an unpaired difference.
    """
    if isinstance(found, Summary):
        return Noise(found.sd**2, 1.0), found.runs - 1
    if found.paired or sds is None:
        return Noise(found.spread.variance, 1.0), found.spread.freedom
    squares = [sd**2 for sd in sds]
    return Noise(sum(squares), sum(squares) ** 2 / sum(square**2 for square in squares)), found.spread.freedom


def runs_for_width(noise: Noise, known: float, width: float) -> Needed:
    """Number of runs for a 95 % interval of about this width.

    The smallest n with 2 t sqrt(variance / n) <= width; half of such intervals come out narrower, about.

    Args:
        noise: see `noise_of`.
        known: degrees of freedom with which its variance is known.
        width: in the unit of the scores, above 0.

    >>> runs_for_width(Noise(1.0, 1.0), 9, width=1.0)
    Needed(runs=18, low=10, high=54)
    """
    from scipy.special import stdtrit

    _check(width > 0, f"a width of {width:g}", "one above 0, in the unit of the scores")

    def enough(noise: Noise, runs: int) -> bool:
        half = float(stdtrit(noise.freedom(runs), 1 - TAIL)) * math.sqrt(noise.variance / runs)
        return 2 * half <= width

    return _with_range(noise, known, enough)


def runs_for_power(noise: Noise, known: float, difference: float, power: float = 0.8) -> Needed:
    """Number of runs with which the t test at 5 % detects a difference of this size with this probability.

    By the noncentral t distribution: exact for pairs, approximate for two methods with unequal spreads (Welch).

    Args:
        noise: see `noise_of`.
        known: degrees of freedom with which its variance is known.
        difference: the true one, in the unit of the scores, not 0.
        power: between .05 and 1.

    >>> runs_for_power(Noise(2.0, 2.0), 18, difference=1.0).runs  # two methods of sd 1: the textbook's 17
    17
    """
    _check(difference != 0 and math.isfinite(difference), f"a difference of {difference:g}", "one that is not 0")
    _check(2 * TAIL < power < 1, f"a power of {power:g}", "one between 0.05 and 1, such as 0.8")
    return _with_range(noise, known, lambda noise, runs: power_of(noise, difference, runs) >= power)


def power_of(noise: Noise, difference: float, runs: int) -> float:
    """Power of the two-sided t test at 5 % for a true difference of this size, with that many runs (of each)."""
    from scipy.special import stdtrit

    freedom = noise.freedom(runs)
    critical = float(stdtrit(freedom, 1 - TAIL))
    far = abs(difference) / math.sqrt(noise.variance / runs)
    return 1 - share_below(critical, freedom, far) + share_below(-critical, freedom, far)


def _with_range(noise: Noise, known: float, enough: Callable[[Noise, int], bool]) -> Needed:
    ends = [end**2 for end in spread_interval(math.sqrt(noise.variance), known)]
    noises = [noise, *(replace(noise, variance=end) for end in ends)]
    return Needed(*(_smallest(lambda runs, one=one: enough(one, runs)) for one in noises))


def _smallest(enough: Callable[[int], bool]) -> int | None:
    """The smallest number of runs, 2 or more, that is enough; more are enough, too."""
    high = 2
    while not enough(high):
        high *= 2
        if high > MOST_RUNS:
            return None
    low = max(high // 2, 1)  # not enough, or 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _check(right: bool, came: str, expected: str) -> None:
    if not right:
        raise InputError(f"{came} was asked for; expected {expected}")
