"""Rank correlation of two measures of the same few things, with its interval."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

NORMAL = 1.959964  # half of a 95 % interval in standard errors
LEAST = 4  # things of which an interval can be said


class RankCorrelation(NamedTuple):
    """Spearman's, and its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


def rank_correlation(one: np.ndarray, other: np.ndarray) -> RankCorrelation:
    """Spearman's rank correlation of values [thing], for new things.

    The interval is tanh(atanh(r) +- 1.96 sqrt((1 + r^2 / 2) / (n - 3))); a correlation of 1, which has none, is taken
    for half a step less, 1 - 6 / (n^3 - n). Things of which a value is NaN are left out. NaN where a value is the same
    for all.

    Args:
        one: values, [thing].
        other: of the same things, [thing].

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
    """Places among the values, from 0; of equal ones the mean of theirs."""
    below = (values[:, None] > values).sum(1)
    return below + ((values[:, None] == values).sum(1) - 1) / 2
