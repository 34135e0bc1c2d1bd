"""Deep ensemble equivalents: the number of independent networks whose average has the same score as a method."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError
from modescape.metrics.blocks import example_blocks
from modescape.metrics.gaussians import checked, gaussian
from modescape.metrics.grouping import by_group
from modescape.metrics.influence import example_variance, member_variance
from modescape.metrics.intervals import satterthwaite_interval
from modescape.metrics.scoring import check_members
from modescape.metrics.subsets import BrierLaw

ROUNDING = 1e-6  # share of a score: float32 predictions of the same network in batches of other sizes differ by as much
LEAST_FREEDOM = 1e-9  # above 0, as an interval needs it, where the members' part is nearly nothing


class Equivalent(NamedTuple):
    """A deep ensemble equivalent, from 1 network on."""

    number: Array  # 1 to n, float64 [...]; NaN where the method is worse than one network, and where a score is NaN
    beyond: Array  # whether the method is better than every size, so that `number` is n at least, bool [...]
    below: Array  # whether the method is worse than a single network, bool [...]
    behind: Array  # the method's score minus a single network's, in its units; positive: worse; float64 [...]

    @property
    def ranked(self) -> Array:
        """Numbers in the order of the scores, for quantiles of draws: 0 where `below`, infinite where `beyond`."""
        return np.where(self.below, 0.0, np.where(self.beyond, np.inf, self.number))[()]


def deep_ensemble_equivalent(score: Array, independent_scores: Array) -> Equivalent:
    """Number of independent networks whose ensemble scores as well as a method, min { l >= 1 : S(l) <= score }.

    S(l) is the score of an ensemble of l independent networks, known for l = 1 .. n and linear in between; lower is
    better, as for `calibrated_nll`. A method worse than a single network (by more than `ROUNDING` of the score) is
    `below`: no number of networks is as bad, so it has none, and `behind` says how much worse it is. One better than
    all n is `beyond` and gets n.

    A curve measured with noise need not decrease everywhere: the first size to reach the score counts, which is the
    size on the running minimum of the linear curve. For an interval, pass draws, [draw] and [draw, size] from the same
    resamples, and take the quantiles of `ranked`; an end that is 0 or infinite is open.

    Args:
        score: the method's score, [...].
        independent_scores: scores of ensembles of 1 .. n independent networks, [size] or [..., size]; the leading
            dimensions broadcast with those of `score`.

    Raises:
        InputError: (a ValueError) if there is no size, or the shapes do not broadcast.

    Source: Ashukha et al. 2020, arXiv 2002.06470.

    >>> import numpy as np
    >>> independent = np.array([0.9, 0.7, 0.6])
    >>> equivalent = deep_ensemble_equivalent(np.array([1.0, 0.75, 0.5]), independent)
    >>> equivalent.number.round(2).tolist(), equivalent.beyond.tolist()
    ([nan, 1.75, 3.0], [False, False, True])
    >>> equivalent.below.tolist(), equivalent.behind.round(2).tolist()
    ([True, False, False], [0.1, -0.15, -0.4])
    """
    (score, curve), _ = to_numpy(score, independent_scores)
    if curve.ndim < 1 or not curve.shape[-1]:
        raise InputError(f"independent_scores has shape {list(curve.shape)}; expected [..., size], 1 size or more")
    try:
        shape = np.broadcast_shapes(score.shape, curve.shape[:-1])
    except ValueError as error:
        raise InputError(
            f"score has shape {list(score.shape)} and independent_scores {list(curve.shape)}; expected [...] and "
            "[..., size] with leading dimensions that broadcast"
        ) from error
    score = np.broadcast_to(score, shape).astype(np.float64)
    curve = np.broadcast_to(curve, (*shape, curve.shape[-1])).astype(np.float64)
    sizes = curve.shape[-1]
    reached = curve <= score[..., None]
    first = reached.argmax(-1)  # 0 where none is: told apart below
    before = np.take_along_axis(curve, np.maximum(first - 1, 0)[..., None], -1)[..., 0]
    after = np.take_along_axis(curve, first[..., None], -1)[..., 0]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        share = np.where(np.isposinf(before), 1.0, (before - score) / (before - after))  # of the way to `first`
    number = np.where(first == 0, 1.0, first + share)
    unknown = np.isnan(score) | np.isnan(curve).any(-1)
    beyond = ~reached.any(-1) & ~unknown
    with np.errstate(invalid="ignore"):  # infinite minus infinite: no difference
        behind = np.where(score == curve[..., 0], 0.0, score - curve[..., 0])
        below = ~unknown & (behind > ROUNDING * np.abs(curve[..., 0]))
    number = np.where(beyond, float(sizes), number)
    return Equivalent(np.where(unknown | below, np.nan, number)[()], beyond[()], below[()], behind[()])


def brier_equivalent(brier: Array, law: BrierLaw) -> Array:
    """Number of independent networks whose ensemble has a given Brier score, V / (B - (B1 - V)), by the exact law.

    It solves B = B1 - (1 - 1/k) V for k, so nothing is interpolated and any size is possible. A method worse than a
    single network has less than 1; at and below B1 - V, the limit of infinitely many networks, it is infinite.

    Args:
        brier: the method's Brier score, [...].
        law: of the independent networks (see `brier_law`); its fields may be arrays [...], such as resampled ones.

    Returns:
        float64 [...].

    >>> round(float(brier_equivalent(0.4, BrierLaw(mean_member=0.5, diversity=0.2))), 6)
    2.0
    >>> brier_equivalent([0.3, 0.25], BrierLaw(mean_member=0.5, diversity=0.2)).tolist()
    [inf, inf]
    """
    (brier, mean_member, diversity), _ = to_numpy(brier, *law)
    above = brier.astype(np.float64) - (mean_member - diversity)  # in this order: 0 at the limit itself
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(above <= 0, np.inf, diversity / above)[()]


class BrierEquivalent(NamedTuple):
    """Number of independent networks with the same Brier score, and its 95 % intervals; float64 [...] each."""

    number: Array  # from 0 to infinity; below 1 for a method worse than one network
    low: Array  # new members on new examples; NaN with 2 members
    high: Array  # infinite where no number of networks is too large
    low_these: Array  # these members on new examples
    high_these: Array


def brier_equivalent_interval(
    brier: Array, log_prob: Array, label: Array, group: np.ndarray | None = None
) -> BrierEquivalent:
    """`brier_equivalent` of a method with 95 % intervals, all scores from the same examples and members.

    The interval is that of r = 1 / number = 1 + (B - B1) / V, inverted: V is well known, so r is nearly normal, and at
    the limit of infinitely many networks r passes through 0, where the number diverges. An end of r at or below 0 is an
    infinite number: "8.1 to beyond any number".

    r changes with an example by d = [b - b1 - (r - 1) v] / V, b, b1 and v its parts of B, B1 and V; with a member by
    n - 1 times what leaving it out takes from d. These are scores and influences as in `modescape.metrics.influence`.

    Args:
        brier: Brier score of each example, [..., member, example], of the method's networks around each member. For a
            method that is not built on these members, all rows are equal.
        log_prob: log-probabilities of the independent networks, [member, example, class], 2 members or more.
        label: true classes, [example].
        group: of each example (`modescape.arrays.group_codes`).

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit.

    Source: the law is that of `brier_law`; delta method over examples, delete-one jackknife over members. Coverage:
    docs/intervals.md.

    >>> import numpy as np
    >>> stream = np.random.default_rng(0)
    >>> label = stream.integers(0, 3, 1000)
    >>> logits = 2 * np.eye(3)[label] + stream.normal(0, 1, (1000, 3)) + stream.normal(0, 1.5, (10, 1000, 3))
    >>> prob = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    >>> pairs = (prob[:5] + prob[5:]) / 2  # worth two networks
    >>> brier = np.square(pairs - np.eye(3)[label]).sum(-1).mean(0)
    >>> equivalent = brier_equivalent_interval(np.tile(brier, (10, 1)), np.log(prob), label)
    >>> bool(1.8 < equivalent.low_these < equivalent.number < equivalent.high_these < 2.3)
    True
    """
    (brier, log_prob, label), _ = to_numpy(brier, log_prob, label)
    check_members(log_prob, label)
    members, examples = log_prob.shape[:2]
    if members < 2:
        raise InputError("log_prob has 1 member; the Brier law compares pairs, so it needs 2 or more")
    if brier.ndim < 2 or brier.shape[-2:] != (members, examples):
        raise InputError(
            f"brier has shape {list(brier.shape)}; expected [..., {members}, {examples}] for a log_prob of shape "
            f"{list(log_prob.shape)}"
        )
    parts = _law_of_examples(log_prob, label)
    rows = brier.reshape(-1, members, examples).astype(np.float64)
    found = np.array([_interval_of_one(row, parts, group) for row in rows]).reshape(*brier.shape[:-2], 5)
    return BrierEquivalent(*(found[..., at][()] for at in range(5)))


def squared_error_equivalent_interval(
    squared: Array, predictive: Array, target: Array, group: np.ndarray | None = None
) -> BrierEquivalent:
    """`brier_equivalent_interval` for squared errors of means, by their law (`squared_error_law`).

    Args:
        squared: squared error of the method's predicted mean, averaged over outputs, [..., member, example].
        predictive: predictions of the independent networks, [member, example, 2 x output], 2 members or more.
        target: [example, output].
        group: of each example (`modescape.arrays.group_codes`).

    Raises:
        InputError: (a ValueError) on shapes that do not fit.
    """
    (squared,), _ = to_numpy(squared)
    predictive, target, _ = checked(predictive, target, 3)
    members, examples = predictive.shape[:2]
    if members < 2 or squared.ndim < 2 or squared.shape[-2:] != (members, examples):
        raise InputError(
            f"squared has shape {list(squared.shape)}; expected [..., {members}, {examples}], of 2 members or more"
        )
    mean = gaussian(predictive).mean
    rest = [_spread(np.delete(mean, member, 0)) for member in range(members)]
    parts = _LawOfExamples(np.square(mean - target).mean(-1), _spread(mean), np.stack(rest))
    rows = squared.reshape(-1, members, examples).astype(np.float64)
    found = np.array([_interval_of_one(row, parts, group) for row in rows]).reshape(*squared.shape[:-2], 5)
    return BrierEquivalent(*(found[..., at][()] for at in range(5)))


def _spread(mean: np.ndarray) -> np.ndarray:
    """Variance between members (1/(n - 1)), mean over outputs; [example], NaN of a single member."""
    if len(mean) < 2:
        return np.full(mean.shape[1], np.nan)
    return mean.var(0, ddof=1).mean(-1)


class _LawOfExamples(NamedTuple):
    """Every example's part of the Brier law, or of that of the squared error."""

    brier: np.ndarray  # of each member, [member, example]
    diversity: np.ndarray  # v, [example]
    without: np.ndarray  # v of all members but one, [member, example]; NaN with 2 members


def _law_of_examples(log_prob: np.ndarray, label: np.ndarray) -> _LawOfExamples:
    """Parts of B1 and V; v = sum_m |p_m - mean p|^2 / (n - 1) from sums over members, which one is soon taken from."""
    members, examples, classes = log_prob.shape
    brier, without = np.empty((members, examples)), np.full((members, examples), np.nan)
    diversity = np.empty(examples)
    for block in example_blocks(examples, members * classes):
        prob = np.exp(log_prob[:, block].astype(np.float64))
        length = np.square(prob).sum(-1)  # |p_m|^2, [member, example]
        brier[:, block] = length - 2 * prob[:, np.arange(prob.shape[1]), label[block]] + 1
        total = prob.sum(0)
        of_total = np.square(total).sum(-1)
        diversity[block] = (length.sum(0) - of_total / members) / (members - 1)
        if members > 2:
            rest = of_total - 2 * (prob * total).sum(-1) + length  # |total - p_m|^2
            without[:, block] = (length.sum(0) - length - rest / (members - 1)) / (members - 2)
    return _LawOfExamples(brier, diversity, without)


def _interval_of_one(
    brier: np.ndarray, parts: _LawOfExamples, group: np.ndarray | None
) -> tuple[float, float, float, float, float]:
    """Number, low, high, low_these, high_these of one method, [member, example]."""
    members = len(brier)
    change, diversity = brier - parts.brier, parts.diversity.mean()  # b - b1 by member
    with np.errstate(divide="ignore", invalid="ignore"):  # equal members: V = 0
        excess = change.mean() / diversity  # r - 1
        by_example = (change.mean(0) - excess * parts.diversity) / diversity  # d
        without = (change.sum(0) - change) / (members - 1)
        influence = (members - 1) * (by_example - (without - excess * parts.without) / diversity)
    test, shared, freedom = example_variance(by_group(by_example, group)), *member_variance(by_group(influence, group))
    # Satterthwaite's of a difference, with the share squared: else 5 members cover at .90. `metrics.influence` says why
    # that is not so everywhere; here v_i takes little, and widths stay within 1.33 times the ideal.
    freedom = max(float(freedom) ** 2 / (members - 1), LEAST_FREEDOM)
    new = satterthwaite_interval(1 + excess, [test, shared], [np.inf, freedom])
    these = satterthwaite_interval(1 + excess, [test], [np.inf])
    least, most, least_these, most_these = (_turned_over(float(end)) for end in (*new, *these))
    return _turned_over(1 + excess), most, least, most_these, least_these


def _turned_over(ratio: float) -> float:
    """1 / r; infinite for r at or below 0."""
    return 1 / ratio if ratio > 0 else np.nan if np.isnan(ratio) else np.inf
