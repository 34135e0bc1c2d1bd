"""Differences between many models on the same examples: one by one, all pairs at once, and between groups of models.

All of it comes from the means of the models' scores and the covariance of these over examples: the difference of models
i and j has the variance (C_ii + C_jj - 2 C_ij) / N.

**Many comparisons.** Simultaneous intervals hold all differences at once in 95 of 100 test sets: their half widths are
c standard errors, with c the 95 % quantile of max |z_i - z_j| / sd(z_i - z_j) over all pairs, z normal with the
covariance of the models' means. That takes in that differences are correlated (they share models and examples), so
that c is smaller than Bonferroni's. Adjusted p-values are the share of draws whose maximum is above a pair's statistic
(the single-step max-t test), so an interval leaves 0 out where its p-value is below .05; Bonferroni's, where that is
smaller than draws can show.

**Shares.** A difference of two shares of right answers on the same N examples gets its interval with one example more
on which the first alone is right, and one on which the second alone is (Bonett and Price): few examples decide it, and
with none there would be no interval.

Source: Hothorn, Bretz and Westfall 2008, "Simultaneous inference in general parametric models" (max-t); Bonett and
Price 2012, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired data".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from modescape.errors import InputError
from modescape.metrics.blocks import example_blocks
from modescape.metrics.intervals import LEVEL, satterthwaite

PAIRS_AT_A_TIME = 1 << 22  # numbers of draws and pairs for which normal numbers are drawn at a time
DRAWS_AT_A_TIME = 128  # whose largest statistics are looked for at a time


@dataclass(frozen=True)
class Moments:
    """Scores of models on the same examples, or groups of them: means, and the covariance over examples."""

    mean: np.ndarray  # float64 [model]
    covariance: np.ndarray  # with the number of examples in its denominator, float64 [model, model]
    units: int  # examples, or groups


def moments(values: np.ndarray) -> Moments:
    """Means and covariance of scores, a block of examples at a time.

    Args:
        values: scores of each example (or group), [model, example]; any numbers, truth values too.

    Raises:
        InputError: (a ValueError) on another shape or without examples.

    >>> moments(np.array([[1.0, 0.0], [1.0, 1.0]])).covariance.tolist()
    [[0.25, 0.0], [0.0, 0.0]]
    """
    if values.ndim != 2 or not values.size:
        raise InputError(f"values has shape {list(values.shape)}; expected [model, example], none of them empty")
    models, units = values.shape
    mean, covariance = values.mean(1, dtype=np.float64), np.zeros((models, models))
    with np.errstate(invalid="ignore"):  # infinite scores
        for block in example_blocks(units, models):
            apart = values[:, block] - mean[:, None]
            covariance += apart @ apart.T
    return Moments(mean, covariance / units, units)


class Differences(NamedTuple):
    """Row minus column, float64 [model, other model] each; NaN where there is no interval, and on the diagonal."""

    value: np.ndarray  # 0 on the diagonal
    low: np.ndarray  # 95 % interval of this pair alone, these models on new examples
    high: np.ndarray
    low_simultaneous: np.ndarray  # of all pairs at once
    high_simultaneous: np.ndarray
    p: np.ndarray  # two-sided, of no difference
    p_adjusted: np.ndarray  # for all pairs


def differences(found: Moments, key: int, *, shares: bool = False, draws: int = 10_000) -> Differences:
    """Differences of every two models, with intervals and p-values for each alone and for all at once.

    Args:
        found: of one score.
        key: of the stream of normal numbers (see `modescape.rng.key`).
        shares: whether the score of an example is 1 or 0: intervals of shares are made in their own way (see above).
        draws: of the largest of all statistics; a p-value of .05 is known to .002.

    Raises:
        InputError: (a ValueError) with fewer than 2 models.

    >>> right = np.array([[1, 1, 1, 0, 1, 1], [1, 0, 0, 0, 1, 1]], dtype=float)
    >>> round(float(differences(moments(right), 0, shares=True).value[0, 1]), 3)
    0.333
    """
    models, units = len(found.mean), found.units
    if models < 2:
        raise InputError("there is 1 model; expected 2 or more, to compare")
    with np.errstate(invalid="ignore"):  # infinite scores
        value = found.mean[:, None] - found.mean[None, :]
    np.fill_diagonal(value, 0.0)
    spread = _of_pairs(found.covariance)
    centre = value
    if shares:
        centre = value * units / (units + 2)
        square = (units * (spread + np.square(value)) + 2) / (units + 2)
        variance = (square - np.square(centre)) / (units + 2)
    else:
        variance = spread / (units - 1) if units > 1 else np.full_like(spread, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(variance)
        statistic = np.where(value == 0, 0.0, np.abs(centre) / error)
    for matrix in (error, statistic):
        np.fill_diagonal(matrix, np.nan)
    pairs = models * (models - 1) // 2
    largest = largest_statistics(found.covariance, key, draws)
    z, every = NormalDist().inv_cdf((1 + LEVEL) / 2), float(np.quantile(largest, LEVEL))
    p = two_sided(statistic)
    above = len(largest) - np.searchsorted(largest, statistic, side="left")
    adjusted = np.maximum(np.minimum((above + 1) / (len(largest) + 1), pairs * p), p)  # NaN stays
    if pairs == 1:
        every, adjusted = z, p
    adjusted = np.where(np.isnan(p), np.nan, np.minimum(adjusted, 1.0))
    half, half_every = z * error, every * error
    return Differences(value, centre - half, centre + half, centre - half_every, centre + half_every, p, adjusted)


def two_sided(statistic: np.ndarray) -> np.ndarray:
    """P(|z| >= statistic) of a standard normal z, to the last digits; NaN stays."""
    from scipy.special import erfc

    return erfc(statistic / np.sqrt(2))


def _of_pairs(covariance: np.ndarray) -> np.ndarray:
    """Variance of each difference, [model, other model]; not below 0 by rounding."""
    own = np.diag(covariance)
    with np.errstate(invalid="ignore"):  # infinite scores
        return np.maximum(own[:, None] + own[None, :] - 2 * covariance, 0.0)


def largest_statistics(covariance: np.ndarray, key: int, draws: int = 10_000) -> np.ndarray:
    """Draws of max over pairs of |z_i - z_j| / sd(z_i - z_j), z normal with this covariance; in rising order.

    Pairs without variance, such as copies of a model, play no part. A model whose scores are infinite neither.

    Args:
        covariance: [model, model], up to a factor.
        key: of the stream.
        draws: how many.

    Returns:
        float64 [draw].
    """
    import torch

    from modescape import rng

    known = np.isfinite(np.diag(covariance))
    covariance = covariance[np.ix_(known, known)]
    size, root = np.linalg.eigh(covariance)
    root = root * np.sqrt(np.maximum(size, 0.0))
    deviation, models = np.sqrt(_of_pairs(covariance)), len(covariance)
    pairs = np.triu(deviation > 1e-9 * np.triu(deviation, 1).max(initial=0.0), 1)
    deviation = np.where(pairs, deviation, np.inf)  # the others' statistics are 0
    z, step = np.empty((models, draws)), max(1, PAIRS_AT_A_TIME // max(pairs.sum(), 1))
    for start in range(0, draws if pairs.any() else 0, step):
        keys = torch.tensor([rng.key(key, "largest", draw) for draw in range(start, min(start + step, draws))])
        z[:, start : start + step] = (rng.normal(keys, models).numpy() @ root.T).T
    return np.sort(_largest_of_pairs(z, deviation) if pairs.any() else np.zeros(draws))


def _largest_of_pairs(z: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """The largest |z_i - z_j| / deviation_ij over i < j, [draw], of z [model, draw]; a cacheful of draws at a time."""
    models, draws = z.shape
    out, work = np.zeros(draws), np.empty((models, DRAWS_AT_A_TIME))
    for start in range(0, draws, DRAWS_AT_A_TIME):
        own, largest = z[:, start : start + DRAWS_AT_A_TIME], out[start : start + DRAWS_AT_A_TIME]
        for first in range(models - 1):
            apart = np.subtract(own[first + 1 :], own[first], out=work[first + 1 :, : len(largest)])
            np.abs(apart, out=apart)
            np.divide(apart, deviation[first, first + 1 :, None], out=apart)
            np.maximum(largest, apart.max(0), out=largest)
    return out


class Runs(NamedTuple):
    """A method's mean score over its runs."""

    value: float
    low: float  # 95 %, new runs on new examples; of one run: this run
    high: float
    sd: float  # between runs, as observed; NaN of one


class Difference(NamedTuple):
    """One method minus another."""

    value: float
    variance: float  # of it; NaN where there is none
    freedom: float  # degrees of Student's t


def of_runs(found: Moments, runs: list[int]) -> Runs:
    """Mean over runs of a method, with an interval for new runs on new examples.

    Args:
        found: scores of all models.
        runs: which models are runs of the method.
    """
    difference = between_runs(found, runs, [])
    low, high = student_interval(difference)
    sd = float(found.mean[runs].std(ddof=1)) if len(runs) > 1 else float("nan")
    return Runs(difference.value, low, high, sd)


def between_runs(found: Moments, runs: list[int], others: list[int]) -> Difference:
    """Mean over runs of one method minus that of another; both were run on the same examples, independently.

    Runs and examples are crossed: the variance is that over examples plus, for either method, that between its runs
    without what the same examples made of it (`modescape.metrics.influence`), here from means and covariance alone. A
    method with one run stands for that run.

    Args:
        found: scores of all models.
        runs: of one method.
        others: of the other one; []: the first method's mean itself.
    """
    weight = np.zeros(len(found.mean))
    weight[runs] += 1 / len(runs)
    if others:
        weight[others] -= 1 / len(others)
    chosen = [*runs, *others]  # models that are infinite elsewhere play no part
    weight, mean = weight[chosen], found.mean[chosen]
    covariance, units = found.covariance[np.ix_(chosen, chosen)], found.units
    over_examples = weight @ covariance @ weight / (units - 1) if units > 1 else np.nan
    variances, freedoms = [over_examples], [np.inf]
    for own in (runs, others):
        if len(own) > 1:
            variance, freedom = _between(found, own)
            variances.append(variance)
            freedoms.append(freedom)
    total, freedom = satterthwaite(variances, freedoms)
    return Difference(float(weight @ mean), float(total), float(freedom))


def _between(found: Moments, runs: list[int]) -> tuple[float, float]:
    """`modescape.metrics.influence.member_variance` of runs' own scores."""
    count, units = len(runs), found.units
    own = found.covariance[np.ix_(runs, runs)]
    deviation = found.mean[runs] - found.mean[runs].mean()
    spread = float(np.square(deviation).sum() / count / (count - 1))
    rest = units * (np.trace(own) - own.sum() / count)
    noise = rest / count / units / (count - 1) / (units - 1) if units > 1 else 0.0
    shared = max(spread - noise, 0.0)
    return shared, (count - 1) * (shared / spread if shared > 0 else 1.0)


def student_interval(difference: Difference, comparisons: int = 1) -> tuple[float, float]:
    """95 % interval, for several comparisons at once by Bonferroni's rule; NaN where there is none."""
    from scipy.special import stdtrit

    probability = 1 - (1 - LEVEL) / 2 / comparisons
    half = float(stdtrit(difference.freedom, probability) * np.sqrt(difference.variance))
    half = half if np.isfinite(half) else float("nan")
    return difference.value - half, difference.value + half


def student_p(difference: Difference) -> float:
    """Two-sided p-value of no difference; NaN where there is no variance."""
    from scipy.special import stdtr

    if not difference.variance > 0:
        return 1.0 if difference.value == 0 and difference.variance == 0 else float("nan")
    return float(2 * stdtr(difference.freedom, -abs(difference.value) / np.sqrt(difference.variance)))


def holm(p: np.ndarray | Sequence[float]) -> np.ndarray:
    """P-values adjusted for so many comparisons by Holm's step-down rule, valid however they depend; NaN stays.

    Args:
        p: [comparison].

    Returns:
        float64 [comparison].

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=np.float64)
    out, known = np.full(p.shape, np.nan), np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    out[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    return out
