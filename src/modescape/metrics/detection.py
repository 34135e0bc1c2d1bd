"""How well a score separates two kinds of examples, such as errors from correct predictions, or OOD from test data.

Higher scores should mean "positive". The caller decides which kind is the positive one: AUROC is
the same when the kinds are swapped and the score is negated, AUPR and the false positive rate are not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError


def auroc(score: Array, positive: Array) -> Array:
    """Area under the ROC curve, P(score of a positive > of a negative) + 1/2 P(equal), over all pairs.

    That is the rank formula (Mann-Whitney U over the number of pairs), in integers up to the last division.

    Args:
        score: higher for what looks positive, [..., example]; infinities are scores like others.
        positive: which examples are positive, bool [example], at least one of each kind.

    Returns:
        float64 [...], 1 for perfect, 1/2 for chance; NaN where a score is NaN.

    Raises:
        InputError: (a ValueError) on shapes or values that do not fit.

    Source: Mann and Whitney 1947; Hanley and McNeil 1982.

    >>> import numpy as np
    >>> float(auroc(np.array([0.9, 0.4, 0.4, 0.1]), np.array([True, True, False, False])))  # 3 pairs won, 1 tied
    0.875
    """
    return _each(_auroc, score, positive)


def auroc_examples(score: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Each example's value for the area under the ROC curve, such that their mean is the area.

    With a_x the share of examples of the other kind that x is ranked correctly against (ties count half), A the area,
    n_x the number of examples of its kind and N of both, the value of x is A + (N / n_x) (a_x - A). Its variance over N
    is DeLong's: that over the positives plus that over the negatives, up to n / (n - 1).

    Args:
        score: as in `auroc`, [..., example].
        positive: bool [example], some of both kinds.

    Returns:
        float64 [..., example]; NaN of a row where a score is NaN.

    Source: DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver operating
    characteristic curves".

    >>> auroc_examples(np.array([0.9, 0.4, 0.4, 0.1]), np.array([True, True, False, False])).tolist()
    [1.125, 0.625, 0.625, 1.125]
    """
    rows = score.reshape(-1, positive.size)
    share = np.full(rows.shape, np.nan)
    for row in np.flatnonzero(~np.isnan(rows).any(1)):
        for kind, sign in ((positive, 1), (~positive, -1)):
            others = np.sort(sign * rows[row, ~kind])
            below, upto = (np.searchsorted(others, sign * rows[row, kind], side) for side in ("left", "right"))
            share[row, kind] = (below + upto) / (2 * len(others))
    area = share[:, positive].mean(1, keepdims=True)
    stretch = np.where(positive, positive.size / positive.sum(), positive.size / (~positive).sum())
    return (area + stretch * (share - area)).reshape(score.shape)


def aupr(score: Array, positive: Array) -> Array:
    """Area under the precision-recall curve as average precision, sum_t (R_t - R_t-1) P_t over falling thresholds t.

    R is the share of positives at or above the threshold, P the share of positives among those above. Equal scores
    are one threshold. Steps are used because linear interpolation between points is too optimistic.

    Args:
        score: higher for what looks positive, [..., example]; infinities are scores like others.
        positive: which examples are positive, bool [example], at least one of each kind.

    Returns:
        float64 [...], 1 for perfect, the share of positives for a constant score; NaN where a score is NaN.

    Raises:
        InputError: (a ValueError) on shapes or values that do not fit.

    Source: Davis and Goadrich 2006 (why steps); `sklearn.metrics.average_precision_score` is the same.

    >>> import numpy as np
    >>> round(float(aupr(np.array([0.9, 0.4, 0.4, 0.1]), np.array([True, True, False, False]))), 4)  # 1/2 + 1/2 * 2/3
    0.8333
    """
    return _each(_aupr, score, positive)


def fpr_at_tpr(score: Array, positive: Array, tpr: float = 0.95) -> Array:
    """Share of negatives taken for positives at the highest threshold that finds a share `tpr` of the positives.

    The threshold is one of the scores, and nothing is interpolated: at least `tpr` of the positives are at or above it.

    Args:
        score: higher for what looks positive, [..., example]; infinities are scores like others.
        positive: which examples are positive, bool [example], at least one of each kind.
        tpr: true positive rate to reach, above 0 and at most 1.

    Returns:
        float64 [...], 0 for perfect; NaN where a score is NaN.

    Raises:
        InputError: (a ValueError) on shapes or values that do not fit.

    Source: Hendrycks et al. 2019, arXiv 1812.04606.

    >>> import numpy as np
    >>> float(fpr_at_tpr(np.array([0.9, 0.4, 0.4, 0.1]), np.array([True, True, False, False])))
    0.5
    """
    if not 0 < tpr <= 1:
        raise InputError(f"tpr is {tpr}; expected a share above 0 and at most 1")

    def at_tpr(hits: np.ndarray, alarms: np.ndarray) -> float:
        return alarms[np.argmax(hits / hits[-1] >= tpr)] / alarms[-1]

    return _each(at_tpr, score, positive)


def _auroc(hits: np.ndarray, alarms: np.ndarray) -> float:
    more_hits, more_alarms = np.diff(hits, prepend=0), np.diff(alarms, prepend=0)
    twice = (more_alarms * (2 * hits - more_hits)).sum()  # each negative: positives above it, and half of those equal
    return twice / (2 * int(hits[-1]) * int(alarms[-1]))


def _aupr(hits: np.ndarray, alarms: np.ndarray) -> float:
    return (np.diff(hits, prepend=0) * (hits / (hits + alarms))).sum() / hits[-1]


def _each(measure: Callable[[np.ndarray, np.ndarray], float], score: Array, positive: Array) -> Array:
    """A measure of every row of scores, from how many positives and negatives are at or above each threshold."""
    (score, positive), _ = to_numpy(score, positive)
    if positive.ndim != 1 or positive.dtype != bool:
        raise InputError(
            f"positive has shape {list(positive.shape)} and dtype {positive.dtype}; expected bool [example]"
        )
    if score.ndim < 1 or score.shape[-1:] != positive.shape:
        raise InputError(f"score has shape {list(score.shape)}; expected [..., {positive.size}], as positive has")
    if score.dtype.kind not in "fiu":
        raise InputError(f"score has dtype {score.dtype}; expected real numbers")
    found = np.count_nonzero(positive)
    if not 0 < found < positive.size:
        raise InputError(f"positive is true for {found} of {positive.size} examples; expected some of both kinds")
    rows = score.reshape(-1, positive.size)
    out = np.full(len(rows), np.nan)
    for row in np.flatnonzero(~np.isnan(rows).any(1)):
        out[row] = measure(*_counts(rows[row], positive))
    return out.reshape(score.shape[:-1])[()]


def _counts(score: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positives and negatives at or above each different score, from the highest down, int64 [threshold]."""
    order = np.argsort(score)[::-1]
    score, positive = score[order], positive[order]
    last = np.append(np.flatnonzero(score[1:] != score[:-1]), positive.size - 1)  # of the examples with equal scores
    hits = np.cumsum(positive, dtype=np.int64)[last]
    return hits, last + 1 - hits
