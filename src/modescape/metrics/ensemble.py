"""Score of an ensemble against its size, with intervals that account for overlapping subsets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError
from modescape.metrics.intervals import (
    delete_one_means,
    jackknife_variance,
    normal_interval,
    percentile_interval,
    resample_counts,
    resample_means,
)
from modescape.metrics.scores import METRICS, confidence_bin
from modescape.metrics.subsets import (
    EXAMPLE_METRICS,
    check_members,
    subset_example_scores,
    subset_scores,
    subsets,
)

ECE_SUBSETS = 20  # most subsets of a size whose calibration error is resampled: it costs 15 columns each
ECE_BINS = 15

INTERVALS = (
    "95 %; sizes below n: Student's t with n - 1 degrees of freedom on the sum of a delete-one-member jackknife "
    "variance and a paired bootstrap variance over test examples; size n: paired percentile bootstrap over test "
    f"examples alone (ece: of at most {ECE_SUBSETS} subsets of a size, draws centred on the estimate)"
)


@dataclass(frozen=True)
class EnsembleCurve:
    """Scores of ensembles of 1 .. n members. Columns are `metric`, the names of `METRICS` in their order.

    A gain is the score minus the mean member's: positive is better for accuracy, negative for the others.
    """

    metric: tuple[str, ...]  # accuracy, nll, brier, ece
    size: np.ndarray  # 1 .. n, [size]
    subsets: np.ndarray  # subsets averaged at each size, [size]
    score: np.ndarray  # mean over the subsets, [metric, size]
    low: np.ndarray  # 95 % interval of the score, [metric, size]
    high: np.ndarray
    gain: np.ndarray  # score minus the score at size 1, [metric, size]
    gain_low: np.ndarray  # 95 % interval of the gain, from paired differences, [metric, size]
    gain_high: np.ndarray


@dataclass(frozen=True)
class _Estimate:
    """A vector of scores with what its uncertainty is computed from; differences of two stay paired."""

    score: np.ndarray  # [metric]
    delete_one: np.ndarray | None  # without each member, [metric, member]; none at size n
    draws: np.ndarray  # over resampled examples, [metric, resample]

    def minus(self, other: _Estimate) -> _Estimate:
        pair = self.delete_one is not None and other.delete_one is not None
        with np.errstate(invalid="ignore"):  # infinite NLL on both sides
            return _Estimate(
                self.score - other.score,
                self.delete_one - other.delete_one if pair else None,  # pyright: ignore[reportOptionalOperand]
                self.draws - other.draws,
            )

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        if self.delete_one is None:
            return percentile_interval(self.draws)
        with np.errstate(invalid="ignore"):
            variance = jackknife_variance(self.delete_one) + self.draws.var(-1, ddof=1)
            return normal_interval(self.score, variance, self.delete_one.shape[-1])


def ensemble_curve(
    log_prob: Array, label: Array, *, limit: int = 200, resamples: int = 1000, key: int = 0
) -> EnsembleCurve:
    """Accuracy, NLL, Brier and ECE against ensemble size 1 .. n, and the gain over the mean member, with intervals.

    The score at size k is the mean over the subsets of k members, sampled in a balanced way above `limit`. `INTERVALS`
    says how the 95 % intervals are made. At size n no member can be left out and re-added: the interval there is of
    test sampling alone, for these n members. Resampled ECEs lie above the ECE itself on average (noise adds to absolute
    values), so those draws are centred on the estimate. An infinite NLL has NaN for its interval.

    Args:
        log_prob: log-probabilities, [member, example, class], free of NaN.
        label: true classes, [example].
        limit: most subsets of a size; taken as the number of members where that is more.
        resamples: resampled test sets, 2 or more.
        key: of the streams for subsets and resamples (see `modescape.rng.key`).

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit, and on NaN.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 8 (mean over all subsets).

    >>> import numpy as np
    >>> log_prob = np.log([[[0.9, 0.1], [0.3, 0.7]], [[0.2, 0.8], [0.6, 0.4]]])
    >>> curve = ensemble_curve(log_prob, np.array([0, 1]), resamples=50)
    >>> curve.score[curve.metric.index("brier")].round(4).tolist(), curve.subsets.tolist()
    ([0.55, 0.405], [2, 1])
    """
    (log_prob, label), _ = to_numpy(log_prob, label)
    check_members(log_prob, label)
    if resamples < 2:
        raise InputError(f"resamples is {resamples}; expected 2 or more")
    members = len(log_prob)
    counts = resample_counts(label.size, resamples, key)
    rows, used, alone = [], [], None
    for size in range(1, members + 1):
        masks = subsets(members, size, max(limit, members), key)
        estimate = _estimate(log_prob, label, masks, counts, key)
        alone = alone or estimate
        gain = estimate.minus(alone)
        rows.append((estimate.score, *estimate.interval(), gain.score, *gain.interval()))
        used.append(len(masks))
    columns = [np.stack(column, axis=1) for column in zip(*rows, strict=True)]
    return EnsembleCurve(tuple(METRICS), np.arange(1, members + 1), np.array(used), *columns)


def _estimate(log_prob: np.ndarray, label: np.ndarray, masks: np.ndarray, counts: np.ndarray, key: int) -> _Estimate:
    members, size = masks.shape[1], int(masks[0].sum())
    scores = subset_scores(log_prob, label, masks, ECE_BINS)
    by_subset = np.stack([scores.score[name] for name in METRICS])
    means = resample_means(counts, np.stack([scores.example[name] for name in EXAMPLE_METRICS], axis=1))
    few = masks if len(masks) <= ECE_SUBSETS else subsets(members, size, ECE_SUBSETS, key)
    draws = _ece_draws(log_prob, label, few, counts)
    draws += scores.score["ece"].mean() - draws.mean()
    return _Estimate(
        by_subset.mean(1),
        delete_one_means(by_subset, masks) if size < members else None,
        np.vstack([means.T, draws]),
    )


def _ece_draws(log_prob: np.ndarray, label: np.ndarray, masks: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean ECE of the subsets on every resample, [resample]: ECE is no mean over examples, but its bins' sums are."""
    total = np.zeros((len(counts), len(masks) * ECE_BINS))
    subset = np.arange(len(masks))[:, None] * ECE_BINS
    for block, correct, _, _, confidence in subset_example_scores(log_prob, label, masks):
        gap = np.zeros((correct.shape[1], total.shape[1]))  # [example, subset and bin]
        place = subset + confidence_bin(confidence, ECE_BINS)
        gap[np.arange(len(gap)), place] = correct - confidence
        total += resample_means(counts[:, block], gap) * (len(gap) / label.size)
    return np.abs(total.reshape(len(counts), len(masks), ECE_BINS)).sum(2).mean(1)
