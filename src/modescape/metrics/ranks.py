"""Rank correlation of two measures of a few items, with its interval."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

NORMAL = 1.959964  # half-width of a 95 % interval in standard errors
LEAST = 4  # fewest items for an interval


class RankCorrelation(NamedTuple):
    """Spearman's rank correlation and its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


def rank_correlation(one: np.ndarray, other: np.ndarray) -> RankCorrelation:
    """Spearman's rank correlation of two measures of the same items, with an interval for new items.

    The interval is tanh(atanh(r) +- 1.96 sqrt((1 + r^2 / 2) / (n - 3))); a correlation of 1, for which that is
    undefined, is replaced by half a step less, 1 - 6 / (n^3 - n). Items with a NaN are left out. NaN if all values of a
    measure are equal.

    Args:
        one: values, [item].
        other: values of the same items, [item].

    Source: Bonett and Wright 2000, "Sample size requirements for estimating Pearson, Kendall and Spearman
    correlations".

    >>> rank_correlation(np.array([1, 2, 3, 4, 5]), np.array([1, 2, 4, 3, 5])).value.__round__(3)
    0.9
    """
    there = np.isfinite(one) & np.isfinite(other)
    first, second = (_ranks(np.asarray(values, dtype=float)[there]) for values in (one, other))
    number = len(first)
    if number < 2 or not first.std() or not second.std():
        return RankCorrelation(math.nan, math.nan, math.nan)
    value = float(np.clip(np.corrcoef(first, second)[0, 1], -1, 1))
    if number < LEAST:
        return RankCorrelation(value, math.nan, math.nan)
    most = 1 - 6 / (number**3 - number)
    middle = math.atanh(min(max(value, -most), most))
    half = NORMAL * math.sqrt((1 + value**2 / 2) / (number - 3))
    return RankCorrelation(value, min(math.tanh(middle - half), value), max(math.tanh(middle + half), value))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of the values, from 0; tied values get their mean rank."""
    below = (values[:, None] > values).sum(1)
    return below + ((values[:, None] == values).sum(1) - 1) / 2
