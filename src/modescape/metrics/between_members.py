"""How much the accuracies of members differ beyond the sampling noise of a finite test set."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError
from modescape.metrics.grouping import sums

LEVEL = 0.95  # of the upper bound


class BetweenMembers(NamedTuple):
    """Standard deviations are of test accuracy, between members."""

    sd: float  # as observed
    sampling: float  # expected of equally accurate members on a test set of this size
    beyond: float  # beyond sampling; 0 if they differ no more than sampling explains
    beyond_high: float  # its 95 % upper bound, one-sided
    q: float  # Cochran's Q
    p_value: float  # of Q if all members had one accuracy


def between_members(right: Array, group: np.ndarray | None = None) -> BetweenMembers:
    """Spread of test accuracy between members, the part due to test sampling, and the rest with its upper bound.

    With X_mi = 1 where member m is right on example i, p_i the share of the M members that are, a_m = mean_i X_mi, over
    members and n test examples drawn again,

        E[Var_m a_m] = n^-2 sum_i E[Var_m X_mi] + n^-2 sum_(i != j) E[Cov_m(X_mi, X_mj)]
                     = n^-2 sum_i E[Var_m X_mi] + (1 - 1/n) Var(accuracy of a member on all examples there are),

    since two examples of the same member share nothing but the member. Unbiased for the first term is

        n^-2 sum_i p_i (1 - p_i) M / (M - 1),

    so Var_m a_m minus it, with M - 1 in the denominator of both, is unbiased for the variance beyond test sampling (but
    for 1/n of it). The ratio of both is Q / (M - 1), Q Cochran's statistic, chi-squared with M - 1 degrees of freedom
    if all members have one accuracy.

    If examples have groups, the number right in group g is D_mg, divided by n, and the term is
    sum_g Var_m D_mg, with M - 1 in the denominator: the same if groups have one example each.

    The upper bound treats (M - 1) Var_m a_m / (its expectation) as chi-squared with M - 1 degrees of freedom, and the
    sampling term as known.

    Args:
        right: which member is right on which example, bool [member, example].
        group: of each example (`modescape.arrays.group_codes`).

    Returns:
        `BetweenMembers`; if all members are right on the same examples, the spread is 0 and Q is NaN.

    Raises:
        InputError: (a ValueError) on another shape or type, with fewer than 2 members, or without examples.

    Source: Jordan 2023, arXiv 2304.01910; Cochran 1950, "The comparison of percentages in matched samples".

    >>> import numpy as np
    >>> found = between_members(np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]], dtype=bool))
    >>> round(found.q, 6), round(found.p_value, 6), round(found.sd, 6)
    (3.0, 0.22313, 0.25)
    """
    (right,), _ = to_numpy(right)
    if right.ndim != 2 or right.dtype != bool or len(right) < 2 or not right.shape[1]:
        raise InputError(
            f"right is {right.dtype} of shape {list(right.shape)}; expected truth values [member, example], 2 members "
            "or more"
        )
    return between_labels(right, np.ones(right.shape[1], dtype=bool), group)


def between_labels(predicted: np.ndarray, label: np.ndarray, group: np.ndarray | None = None) -> BetweenMembers:
    """`between_members` of predicted classes, one member at a time, so that memory stays flat.

    Args:
        predicted: [member, example].
        label: true classes, [example].
        group: of each example.
    """
    members, examples = predicted.shape
    accuracy, units = np.empty(members), examples if group is None else int(group.max()) + 1
    right, squares = np.zeros(units), np.zeros(units)
    for member in range(members):
        own = predicted[member] == label
        accuracy[member] = own.mean()
        of_unit = own * 1.0 if group is None else sums(own * 1.0, group)
        right += of_unit
        squares += np.square(of_unit)
    within = (squares - np.square(right) / members) / (members - 1)  # variance over members, whole numbers until here
    return _judged(members, float(accuracy.var(ddof=1)), float(within.sum()) / examples**2)


def _judged(members: int, variance: float, sampling: float) -> BetweenMembers:
    """The result, from the observed variance and that of sampling."""
    from scipy.special import chdtrc, chdtri

    free = members - 1
    q = free * variance / sampling if sampling else math.nan
    high = free * variance / float(chdtri(free, LEVEL)) - sampling  # chdtri(f, p): exceeded with probability p
    return BetweenMembers(
        sd=math.sqrt(variance),
        sampling=math.sqrt(sampling),
        beyond=math.sqrt(max(0.0, variance - sampling)),
        beyond_high=math.sqrt(max(0.0, high)),
        q=q,
        p_value=float(chdtrc(free, q)) if sampling else math.nan,
    )
