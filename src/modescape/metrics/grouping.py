"""Examples that belong together, such as the sentences of a document or the visits of a patient, counted as one.

Examples of a group are alike, so a test set of N examples in G groups carries less information than N independent
examples, and intervals resample groups. The mean of N scores s(x) is a sum over groups, and a group moves
it by the sum of its examples' deviations:

    t_g = s + (G / N) sum_(x in g) (s(x) - s).

The G values t_g have the mean s, and Var_g t_g / G = G / (G - 1) sum_g (sum_(x in g) (s(x) - s))^2 / N^2 is the
cluster-robust variance of s (that of a ratio, if groups differ in size). So an interval treats the scores of groups
exactly as it treats those of examples, and no formula changes: variances, the interaction of members and examples,
numbers of examples. With one example in each group t_g is s(x); k copies of each example, as a group each, give
t_g = s(x) again, and thus the interval of the examples without their copies.

Source: Liang and Zeger 1986, "Longitudinal data analysis using generalized linear models" (the variance); Cochran 1977,
"Sampling Techniques", chapter 9A (ratios of clusters of unequal size).
"""

from __future__ import annotations

import numpy as np


def count_units(group: np.ndarray | None, examples: int) -> int:
    """Number of units that are resampled: groups, or examples if there are none."""
    return examples if group is None else int(group.max()) + 1


def sums(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Sums over the examples of every group, [..., group] from [..., example]."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    return np.add.reduceat(values[..., order], starts, axis=-1)


def by_group(values: np.ndarray, group: np.ndarray | None) -> np.ndarray:
    """Convert scores of examples to those of their groups, t_g; unchanged without groups.

    Args:
        values: [..., example].
        group: as `modescape.arrays.group_codes` gives it.

    Returns:
        float64 [..., group], with the same mean as the values; NaN if that is infinite.

    >>> by_group(np.array([1.0, 2.0, 6.0]), np.array([0, 0, 1])).tolist()  # mean 3; -2 - 1 and 3 times 2/3
    [1.0, 5.0]
    """
    if group is None:
        return values
    values = values.astype(np.float64, copy=False)
    mean = values.mean(-1, keepdims=True)
    with np.errstate(invalid="ignore"):  # infinite scores
        return mean + count_units(group, 0) / group.size * sums(values - mean, group)
