"""How many independent networks a method is worth: the size of the deep ensemble with the same score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError
from modescape.metrics.subsets import BrierLaw

ROUNDING = 1e-6  # share of a score: float32 predictions of the same network in batches of other sizes differ by as much


class Equivalent(NamedTuple):
    """Number of independent networks; defined from 1 on."""

    number: Array  # 1 to n, float64 [...]; NaN where the method is worse than one network, and where a score is NaN
    beyond: Array  # whether the method is better than every size, so that `number` is n for want of more, bool [...]
    below: Array  # whether the method is worse than a single network, bool [...]
    behind: Array  # the method's score minus a single network's, in its units; positive: worse; float64 [...]

    @property
    def ranked(self) -> Array:
        """Numbers in the order of the scores, for quantiles of draws: 0 where `below`, infinite where `beyond`."""
        return np.where(self.below, 0.0, np.where(self.beyond, np.inf, self.number))[()]


def deep_ensemble_equivalent(score: Array, independent_scores: Array) -> Equivalent:
    """Number of independent networks whose ensemble scores as well as a method, min { l >= 1 : S(l) <= score }.

    S is the score of an ensemble of l independent networks, known for l = 1 .. n and linear in between; lower is
    better, as for `calibrated_nll`. A method worse than a single network (by more than `ROUNDING` of the score) is
    `below`: no number of networks is as bad, so it has none, and `behind` says how much worse it is. One better than
    all n is `beyond` and gets n.

    A curve that was measured with noise need not fall everywhere: the first size to reach the score counts, which is
    the size on the running minimum of the linear curve. For an interval hand in draws, [draw] and [draw, size] from
    the same resamples, and take the quantiles of `ranked`; an end that is 0 or infinite is open.

    Args:
        score: the method's score, [...].
        independent_scores: scores of ensembles of 1 .. n independent networks, [size] or [..., size]; the leading
            dimensions broadcast with those of `score`.

    Raises:
        InputError: (a ValueError) if there is no size, or the shapes do not broadcast.

    Source: Ashukha et al. 2020, arXiv 2002.06470.

    >>> import numpy as np
    >>> independent = np.array([0.9, 0.7, 0.6])
    >>> worth = deep_ensemble_equivalent(np.array([1.0, 0.75, 0.5]), independent)
    >>> worth.number.round(2).tolist(), worth.beyond.tolist()
    ([nan, 1.75, 3.0], [False, False, True])
    >>> worth.below.tolist(), worth.behind.round(2).tolist()
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
    """Number of independent networks whose ensemble has a Brier score, V / (B - (B1 - V)), by the exact law.

    It solves B = B1 - (1 - 1/k) V for k, so nothing is interpolated and no size is too large. A method worse than a
    single network is worth less than 1; at and beyond B1 - V, the limit of infinitely many networks, it is infinite.

    Args:
        brier: the method's Brier score, [...].
        law: of the independent networks (see `brier_law`); its numbers may be arrays [...], such as resampled ones.

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
