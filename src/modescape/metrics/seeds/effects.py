"""Effect sizes in units of the spread over runs, with intervals by the noncentral t distribution."""

from __future__ import annotations

import math
from typing import NamedTuple

from modescape.metrics.seeds.summary import TAIL

HALVINGS = 100  # bisection steps, down to the rounding of float64


class Effect(NamedTuple):
    """A standardised difference and its 95 % interval."""

    value: float
    low: float
    high: float


def effect_size(t: float, freedom: int, runs: float) -> Effect:
    """Standardised difference, corrected for few runs, from its t statistic.

    g = J t / sqrt(runs), J = Gamma(f / 2) / (sqrt(f / 2) Gamma((f - 1) / 2)) about 1 - 3 / (4 f - 1). The ends are the
    effects for which the observed t is the .975 and the .025 quantile of the noncentral t distribution: exact for
    normal scores of equal spread. Hedges' g of two methods uses the pooled spread, d_z of pairs that of the
    differences.

    Args:
        t: the statistic.
        freedom: its degrees f.
        runs: pairs, or n m / (n + m) of two methods with n and m runs: t is the effect times its square root.

    Source: Hedges 1981, "Distribution theory for Glass's estimator of effect size"; Steiger and Fouladi 1997.

    >>> [round(end, 3) for end in effect_size(3.0, 8, 2.5)]  # five runs against five
    [1.713, 0.32, 3.4]
    """
    scale = 1 / math.sqrt(runs)
    low, high = noncentrality(t, freedom, 1 - TAIL), noncentrality(t, freedom, TAIL)
    return Effect(_correction(freedom) * t * scale, low * scale, high * scale)


def _correction(freedom: int) -> float:
    if freedom < 2:
        return 1.0  # two pairs: the mean of the effect does not exist
    return math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom - 1) / 2)) / math.sqrt(freedom / 2)


def noncentrality(t: float, freedom: float, share: float) -> float:
    """The noncentrality at which the noncentral t distribution has probability ``share`` below t; decreasing in it."""
    reach = 4 * abs(t) + 12  # t sqrt(chi^2 / f) + z: the root factor is at most 2.3 at its .975 quantile (f = 1)
    low, high = -reach, reach
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if share_below(t, freedom, middle) > share else (low, middle)
    return (low + high) / 2


def share_below(t: float, freedom: float, noncentral: float) -> float:
    """Noncentral t distribution function at t; 0 or 1 in far tails, where SciPy returns NaN."""
    from scipy.special import nctdtr

    share = float(nctdtr(freedom, noncentral, t))
    return share if math.isfinite(share) else float(noncentral < t)
