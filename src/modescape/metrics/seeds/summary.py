"""Scores of the runs of one method: mean and spread, with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from modescape.errors import InputError
from modescape.metrics.intervals import LEVEL, bootstrap

LEAST_FOR_SHAPE = 20  # runs: with 10, the bootstrap covers less than t (bench/seeds.py: .89 to .94)
RESAMPLES = 4000  # of the bootstrap of a skewed method
TAIL = (1 - LEVEL) / 2


@dataclass(frozen=True)
class Summary:
    """Summary of the runs of one method; values in the unit of the scores."""

    runs: int
    mean: float
    sd: float  # over runs, n - 1 in the denominator
    low: float  # ends of the interval of the expected score, by Student's t
    high: float
    sd_low: float  # ends of the interval of the sd, by the chi-squared distribution, for normal scores
    sd_high: float
    skewness: float  # the adjusted third moment; NaN with fewer than 3 runs
    skewed: bool  # significantly non-zero skewness; False with too few runs to tell
    bca: tuple[float, float] | None  # bootstrap interval of the mean (BCa), if the runs are skewed


def summarize(scores: np.ndarray) -> Summary:
    """Mean, spread and intervals of the scores of independent runs.

    mean +- t_(n-1) sd / sqrt(n): exact for normal scores; if they are skewed, the BCa interval is added.

    Args:
        scores: [run].

    Raises:
        InputError: (a ValueError) with fewer than 2 runs, or scores that are not finite.

    >>> found = summarize(np.array([91.0, 92.0, 93.0]))
    >>> found.mean, found.sd, round(found.low, 2), round(found.high, 2)
    (92.0, 1.0, 89.52, 94.48)
    """
    from scipy.special import stdtrit

    scores = checked(scores)
    runs, mean, sd = len(scores), float(scores.mean()), float(scores.std(ddof=1))
    half = float(stdtrit(runs - 1, 1 - TAIL)) * sd / math.sqrt(runs)
    sd_low, sd_high = spread_interval(sd, runs - 1)
    skewness = skewness_of(scores)
    skewed = runs >= LEAST_FOR_SHAPE and abs(skewness) > _usual_skewness(runs)
    bca = bca_interval(scores) if skewed else None
    return Summary(runs, mean, sd, mean - half, mean + half, sd_low, sd_high, skewness, skewed, bca)


def checked(scores: np.ndarray, least: int = 2) -> np.ndarray:
    """Scores as float64 [run].

    Raises:
        InputError: (a ValueError) if there are fewer than `least`, or one is not finite.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1 or len(scores) < least or not np.isfinite(scores).all():
        raise InputError(
            f"scores have shape {list(scores.shape)}; expected [run], {least} runs or more, finite numbers"
        )
    return scores


def spread_interval(sd: float, freedom: float) -> tuple[float, float]:
    """95 % interval of a standard deviation estimated with ``freedom`` degrees of freedom, for normal scores.

    >>> low, high = spread_interval(1.0, 4)  # five runs
    >>> round(low, 2), round(high, 2)
    (0.6, 2.87)
    """
    from scipy.special import chdtri

    return tuple(sd * math.sqrt(freedom / float(chdtri(freedom, tail))) for tail in (TAIL, 1 - TAIL))  # pyright: ignore


def skewness_of(scores: np.ndarray) -> float:
    """The adjusted third standardised moment G1, 0 for symmetric scores; NaN with fewer than 3 runs or equal scores.

    Source: Joanes and Gill 1998, "Comparing measures of sample skewness and kurtosis".
    """
    runs, centred = len(scores), scores - scores.mean()
    spread = math.sqrt(float(np.mean(centred**2)))
    if runs < 3 or spread == 0:
        return math.nan
    return float(np.mean((centred / spread) ** 3)) * math.sqrt(runs * (runs - 1)) / (runs - 2)


def _usual_skewness(runs: int) -> float:
    """The 99 % bound of |skewness| for normal scores (approximate, by its exact standard error)."""
    error = math.sqrt(6 * runs * (runs - 1) / ((runs - 2) * (runs + 1) * (runs + 3)))
    return 2.576 * error


def bca_interval(scores: np.ndarray, resamples: int = RESAMPLES) -> tuple[float, float]:
    """95 % interval of the mean by the bootstrap, bias-corrected and accelerated (BCa), from a named stream.

    Args:
        scores: [run].
        resamples: how many sets of runs are drawn.

    Source: Efron 1987, "Better bootstrap confidence intervals".
    """
    from scipy.special import ndtr, ndtri

    scores = checked(scores)
    centred = scores - scores.mean()
    draws = np.sort(bootstrap(centred[:, None], resamples)[:, 0])
    below = (np.searchsorted(draws, 0, "left") + np.searchsorted(draws, 0, "right")) / 2 / resamples
    bias = float(ndtri(below))
    acceleration = float((centred**3).sum() / (6 * (centred**2).sum() ** 1.5))  # of the jackknife of a mean
    ends = []
    for tail in (TAIL, 1 - TAIL):
        reach = bias + float(ndtri(tail))
        ends.append(float(np.quantile(draws, ndtr(bias + reach / (1 - acceleration * reach)))) + float(scores.mean()))
    return ends[0], ends[1]
