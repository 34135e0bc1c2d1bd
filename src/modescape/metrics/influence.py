"""Variance of a score over members and test examples, from the influence of each member on each example's score.

Subsets of k out of n members overlap, so the spread of their scores gives no interval; the members' influences do.
With s(x) the score of example x, averaged over the subsets, and h_i(x) the influence of member i on it, the variance of
the mean over the N examples is

    v_x = Var_x s(x) / N                     for these n members on new examples,
    v_x + max(v_m - v_i, 0)                  for new members on new examples, where
    v_m = sum_i (h_i - h)^2 / (n (n - 1))    is the spread of the members' influences on the whole score, and
    v_i = sum_ix (h_i(x) - h(x) - h_i + h)^2 / (n N (n - 1) (N - 1))    the part of it that is due to the test examples.

Where examples have groups, x is a group, with the scores of `modescape.metrics.grouping.by_group`, and N their number.

v_x + v_m would count the noise of the test examples twice: members differ over the same examples.

The second part has (n - 1) (v_m - v_i) / v_m degrees of freedom. Satterthwaite's of a difference have the share squared
and are so few where v_i takes nearly all, as for the gain in accuracy, that intervals of 5 members get up to 1.9 times
too wide, for .01 to .03 of coverage (docs/log.md).

Source: the law of total variance over members and examples; Hoeffding 1948 (the influences of a mean over subsets);
Searle, Casella and McCulloch 1992, "Variance Components" (the mean square of the interaction).
"""

from __future__ import annotations

import numpy as np

from modescape.metrics.intervals import satterthwaite_interval


def influence_weights(masks: np.ndarray) -> np.ndarray:
    """Least-squares weights that turn scores of subsets into the influences of members on their mean.

    The score of a subset is fitted by a constant and (1/k) sum_i h_i over its members, with sum_i h_i = 0. Over all
    subsets of a size these are n - 1 times the changes from leaving out one member; over a sample of subsets they are
    less noisy, as the other members' effects are removed.

    Args:
        masks: subsets of one size k, bool [subset, member].

    Returns:
        float64 [member, subset]; zero if every subset holds all members, which determines nothing.

    >>> import numpy as np
    >>> masks = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=bool)
    >>> (influence_weights(masks) @ (masks @ [1.0, 2.0, 6.0] / 2)).round(9).tolist()  # of the mean of 1, 2 and 6
    [-2.0, -1.0, 3.0]
    """
    size = int(masks[0].sum())
    return size * np.linalg.pinv(masks - masks.mean(0))  # centred, which fits the constant as well


def example_variance(example: np.ndarray) -> np.ndarray:
    """v_x: variance of a mean over examples due to their choice, [..., example] -> [...]; NaN for a single example."""
    examples = example.shape[-1]
    if examples < 2:
        return np.full(example.shape[:-1], np.nan)
    with np.errstate(invalid="ignore", over="ignore"):  # infinite scores
        return example.var(-1, ddof=1) / examples


def member_variance(influence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """max(v_m - v_i, 0): variance due to the choice of members, without the part due to the test examples.

    Args:
        influence: h_i(x), up to a constant over members, [..., member, example]; 2 members or more.

    Returns:
        The variance, and its degrees of freedom, (n - 1) times the share of v_m that is left; float64 [...] each.
    """
    examples = influence.shape[-1]
    with np.errstate(invalid="ignore", over="ignore"):  # infinite scores
        own = influence - influence.mean(-2, keepdims=True)
        squares = np.einsum("...ix,...ix->...", own, own)
        return variance_between(own.mean(-1), squares, examples)


def variance_between(of_member: np.ndarray, squares: np.ndarray, examples: int) -> tuple[np.ndarray, np.ndarray]:
    """`member_variance` from sums over the examples.

    Args:
        of_member: h_i - h, [..., member].
        squares: sum_ix (h_i(x) - h(x))^2, [...].
        examples: number of examples.
    """
    members = of_member.shape[-1]
    with np.errstate(invalid="ignore", over="ignore"):  # infinite scores
        spread = np.square(of_member).sum(-1) / members / (members - 1)
        rest = squares - examples * np.square(of_member).sum(-1)
        noise = rest / members / examples / (members - 1) / (examples - 1) if examples > 1 else np.zeros_like(spread)
        shared = np.maximum(spread - noise, 0.0)
        freedom = (members - 1) * np.where(shared > 0, shared / spread, 1.0)
    return shared, freedom


def crossed_interval(
    estimate: np.ndarray | float, example: np.ndarray, *influences: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a mean score for new members on new examples; without influences for these members.

    Args:
        estimate: the score, [...].
        example: s(x), [..., example].
        *influences: h_i(x), up to a constant over members, [..., member, example], of each set of members drawn
            independently: one set, or two whose scores are subtracted. None, for a single member, adds nothing.

    Returns:
        Lower and upper end, float64 [...] each; NaN where scores are infinite, or there is but one example.

    >>> import numpy as np
    >>> scores = np.array([[0.2, 0.4, 0.3], [0.6, 1.0, 0.8]])  # of two members
    >>> low, high = crossed_interval(scores.mean(), scores.mean(0))
    >>> round(float(low), 3), round(float(high), 3)
    (0.38, 0.72)
    """
    parts = [member_variance(influence) for influence in influences if influence is not None]
    variances = [example_variance(example), *(shared for shared, _ in parts)]
    return satterthwaite_interval(estimate, variances, [np.inf, *(freedom for _, freedom in parts)])
