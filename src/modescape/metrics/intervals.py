"""Uncertainty of scores: intervals from variances, and resampled test sets."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from modescape.arrays import Array, group_codes, to_numpy
from modescape.errors import InputError
from modescape.metrics.blocks import example_blocks
from modescape.metrics.grouping import count_units, sums

LEVEL = 0.95  # probability of every interval
LEAST_FREEDOM = 1.0  # degrees of Student's t that a subtracted variance cannot go below
RESAMPLES_AT_A_TIME = 100  # rows of weights turned into float64 at a time


def jackknife_variance(delete_one: Array) -> np.ndarray:
    """Variance of an estimate due to the choice of members, (n - 1) / n sum_i (theta_-i - mean_j theta_-j)^2.

    Args:
        delete_one: the estimate without each member, [..., member].

    Returns:
        float64 [...]; NaN where an estimate is infinite.

    Raises:
        InputError: (a ValueError) with fewer than 2 members.

    Source: Efron and Stein 1981, "The jackknife estimate of variance".

    >>> import numpy as np
    >>> float(jackknife_variance(np.array([3.0, 2.0, 1.0])))
    1.3333333333333333
    """
    (delete_one,), _ = to_numpy(delete_one)
    if delete_one.ndim < 1 or delete_one.shape[-1] < 2:
        raise InputError(f"delete_one has shape {list(delete_one.shape)}; expected [..., member], 2 members or more")
    delete_one, members = delete_one.astype(np.float64), delete_one.shape[-1]
    with np.errstate(invalid="ignore", over="ignore"):  # infinite minus infinite
        return np.square(delete_one - delete_one.mean(-1, keepdims=True)).sum(-1) * (members - 1) / members


def resample_counts(examples: int, resamples: int, key: int) -> np.ndarray:
    """How often each example is drawn in each resample of the test set: multinomial counts from a named stream.

    Args:
        examples: size of the test set and of every resample.
        resamples: number of resamples.
        key: of the stream; resample r uses its own stream, so more resamples keep the first ones.

    Returns:
        [resample, example], uint8 (uint16 for the rare larger count); each row sums to `examples`.
    """
    import torch  # here, so that NumPy users of the other functions need not load it

    from modescape import rng

    counts = np.empty((resamples, examples), dtype=np.uint8)
    for block in example_blocks(resamples, examples):
        rows = range(resamples)[block]
        keys = torch.tensor([rng.key(key, "resample", row) for row in rows])
        drawn = rng.integers(keys, examples, examples).numpy() + examples * np.arange(len(rows))[:, None]
        found = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        if found.max(initial=0) > np.iinfo(counts.dtype).max:
            counts = counts.astype(np.uint16)
        counts[block] = found
    return counts


def resample_weights(counts: np.ndarray, group: np.ndarray | None = None) -> np.ndarray:
    """Weight of each example in each resample, float64 [resample, example]; rows sum to 1; see `resample_means`."""
    if group is None:
        return counts / counts.shape[1]
    return counts[:, group] / (counts @ np.bincount(group).astype(np.float64))[:, None]


def resample_means(counts: np.ndarray, score: np.ndarray, group: np.ndarray | None = None) -> np.ndarray:
    """Mean of every column over every resample, by one matrix product; rows are paired, so columns may be subtracted.

    Args:
        counts: draws of each example, [resample, example] (see `resample_counts`); of each group if there are groups.
        score: scores of each example, [example, column].
        group: of each example (`modescape.arrays.group_codes`): a resample is of groups, all of their
            examples, and its mean is over as many as it has.

    Returns:
        float64 [resample, column].
    """
    if group is not None:
        totals = np.vstack([sums(score.T, group), np.bincount(group)[None]])
        found = resample_means(counts, totals.T)
        return found[:, :-1] / found[:, -1:]
    out = np.empty((len(counts), score.shape[1]))
    with np.errstate(invalid="ignore", over="ignore"):  # an infinite score times a count of 0; scores near 1e308
        for start in range(0, len(counts), RESAMPLES_AT_A_TIME):
            rows = slice(start, start + RESAMPLES_AT_A_TIME)
            out[rows] = counts[rows].astype(np.float64) @ score
    return out / counts.shape[1]


def bootstrap(score: Array, resamples: int = 1000, key: int = 0, group: Any = None) -> Array:
    """Means of per-example scores over resampled test sets; every column sees the same resamples (paired).

    Args:
        score: scores of each example, [example, column].
        resamples: number of resampled test sets.
        key: of the stream (see `modescape.rng.key`).
        group: name of each example's group, such as a patient, [example]: groups are drawn in place of
            examples. None: every example is its own group.

    Returns:
        float64 [resample, column].

    Raises:
        InputError: (a ValueError) on a wrong shape or fewer than 1 resample.

    >>> import numpy as np
    >>> draws = bootstrap(np.array([[1.0, 2.0], [0.0, 1.0]]), resamples=4)
    >>> (draws[:, 1] - draws[:, 0]).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    (score,), restore = to_numpy(score)
    if score.ndim != 2 or not score.size or resamples < 1:
        raise InputError(
            f"score has shape {list(score.shape)} and resamples is {resamples}; "
            "expected [example, column] and 1 or more"
        )
    codes = group_codes(group, len(score))
    counts = resample_counts(count_units(codes, len(score)), resamples, key)
    return restore(resample_means(counts, score.astype(np.float64), codes))


def satterthwaite_interval(
    estimate: np.ndarray | float, variances: Sequence[np.ndarray | float], freedoms: Sequence[np.ndarray | float]
) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of an estimate whose variance is a sum of parts with different degrees of freedom.

    estimate +- t_f sqrt(sum_j v_j), t_f the quantile of Student's t with f = (sum_j v_j)^2 / sum_j (v_j^2 / f_j): near
    close to the degrees of freedom of the largest part. A small part with few degrees (two runs) then costs little,
    whereas applying its degrees to the whole variance would make the interval several times too wide.

    Args:
        estimate: the estimate, [...].
        variances: estimated variance of it from each source, [...] each; below 0 where more was subtracted than was
            there (a sum below 0 counts as 0), NaN or infinite where there is no interval.
        freedoms: degrees of freedom of each variance, above 0, `math.inf` where it is known; [...] or numbers.

    Returns:
        Lower and upper end, float64 [...] each.

    Raises:
        InputError: (a ValueError) if there is no part, if not every part has its degrees, or if these are not above 0.

    Source: Satterthwaite 1946, "An approximate distribution of estimates of variance components"; Welch 1947.

    >>> from math import inf
    >>> low, high = satterthwaite_interval(0.5, [0.0001], [9])  # Student's t with 9 degrees of freedom
    >>> round(float(low), 5), round(float(high), 5)
    (0.47738, 0.52262)
    >>> low, high = satterthwaite_interval(0.5, [0.00001, 0.00009], [1, inf])  # of two runs, and of the test examples
    >>> round(float(low), 5), round(float(high), 5)
    (0.48016, 0.51984)
    """
    from scipy.special import stdtrit

    total, freedom = satterthwaite(variances, freedoms)
    with np.errstate(invalid="ignore"):  # no variance
        half = stdtrit(freedom, (1 + LEVEL) / 2) * np.sqrt(total)
    half = np.where(np.isfinite(half), half, np.nan)
    return estimate - half, estimate + half


def satterthwaite(
    variances: Sequence[np.ndarray | float], freedoms: Sequence[np.ndarray | float]
) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the parts of a variance, and its degrees of freedom; arguments and errors as `satterthwaite_interval`."""
    freedoms = [np.asarray(freedom, dtype=np.float64) for freedom in freedoms]
    if not variances or len(variances) != len(freedoms) or not all((freedom > 0).all() for freedom in freedoms):
        raise InputError(
            f"there are {len(variances)} variances and degrees of freedom {[freedom.tolist() for freedom in freedoms]};"
            " expected 1 variance or more, and for each its degrees above 0"
        )
    parts = [np.asarray(variance, dtype=np.float64) for variance in variances]
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # infinite and absent variances; none at all
        total = np.maximum(np.sum(np.broadcast_arrays(*parts), axis=0), 0.0)
        spread = sum(np.square(part) / freedom for part, freedom in zip(parts, freedoms, strict=True))
        freedom = np.where(spread > 0, np.square(total) / spread, np.inf)
    return total, np.maximum(freedom, LEAST_FREEDOM)


def range_interval(
    value: np.ndarray, half: np.ndarray, smallest: np.ndarray, largest: np.ndarray, examples: int
) -> tuple[np.ndarray, np.ndarray]:
    """`bounded_interval` of a mean of scores from `smallest` on; value +- half where that is minus infinity.

    Args:
        value: the mean, `smallest` to `largest`, [...].
        half: see `bounded_interval`, [...].
        smallest: smallest score, [...]; may be minus infinity.
        largest: largest score, [...]; may be infinite.
        examples: number of examples behind the mean.

    Returns:
        Lower and upper end, float64 [...] each.

    >>> infinite = np.array([np.inf])
    >>> low, high = range_interval(np.array([-0.5]), np.array([0.25]), -infinite, infinite, examples=100)
    >>> low.tolist(), high.tolist()
    ([-0.75], [-0.25])
    """
    bounded = np.isfinite(smallest)
    start = np.where(bounded, smallest, 0.0)
    low, high = (start + end for end in bounded_interval(value - start, half, largest - start, examples))
    return np.where(bounded, low, value - half), np.where(bounded, high, np.minimum(value + half, largest))


def bounded_interval(
    value: np.ndarray, half: np.ndarray, largest: np.ndarray | float, examples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's interval for a mean of scores from 0 to ``largest``: inside that range, longer towards its middle.

    All t with (value - t)^2 <= r t (1 - t / largest): the variance is taken as proportional to t (1 - t / largest), as
    for a proportion (largest 1), or to t (largest infinite), as means of skewed scores are more certain the closer to 0
    they are. r is chosen to reproduce the variance behind value +- half. A mean at an end of the range shows no
    variance; it gets that of scores which are 0 or ``largest``.

    Args:
        value: the mean, 0 to `largest`, [...].
        half: half the length of its interval value +- half, [...]; NaN gives no interval.
        largest: largest score, [...] or a number; may be infinite.
        examples: number of examples behind the mean, of groups where there are any.

    Returns:
        Lower and upper end, float64 [...] each.

    Source: Wilson 1927; Korn and Graubard 1998 (for a variance that is estimated).

    >>> low, high = bounded_interval(np.array([0.5, 1.0]), np.array([0.098, 0.0]), 1.0, examples=100)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.404, 0.963], [0.596, 1.0])
    """
    value, largest = np.clip(value, 0, largest), np.asarray(largest, dtype=np.float64)
    sure = np.where(np.isfinite(largest), largest, 0) * NormalDist().inv_cdf((1 + LEVEL) / 2) ** 2 / examples
    with np.errstate(invalid="ignore", divide="ignore"):  # no interval; a mean at an end of its range
        single = value * (1 - value / largest)
        ratio = np.where(single > 0, np.square(half) / single, sure + 0 * half)
        centre, reach = value + ratio / 2, np.sqrt(ratio * (single + ratio / 4))
        low, high = ((centre + side * reach) / (1 + ratio / largest) for side in (-1, 1))
    return np.maximum(low, 0), np.minimum(high, largest)


def percentile_interval(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval from the quantiles of bootstrap draws.

    Args:
        draws: [..., resample].

    Returns:
        Lower and upper end, [...] each.
    """
    with np.errstate(invalid="ignore"):  # infinite draws
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=-1)
    return low, high
