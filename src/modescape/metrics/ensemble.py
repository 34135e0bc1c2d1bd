"""Score of an ensemble against its size, with intervals that account for overlapping subsets."""

from __future__ import annotations

from collections.abc import Mapping
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

    A gain is the score minus that of the mean single network: positive is better for accuracy, negative for the others.
    """

    metric: tuple[str, ...]  # accuracy, nll, brier, ece
    size: np.ndarray  # 1 .. n, [size]
    subsets: np.ndarray  # subsets averaged at each size, [size]
    score: np.ndarray  # mean over the subsets, [metric, size]
    low: np.ndarray  # 95 % interval of the score, [metric, size]
    high: np.ndarray
    gain: np.ndarray  # score minus the score at size 1 (of the baseline, where methods are compared), [metric, size]
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
    return _curves({"": log_prob}, label, "", limit, resamples, key)[""]


def ensemble_curves(
    log_probs: Mapping[str, Array],
    label: Array,
    *,
    baseline: str,
    limit: int = 200,
    resamples: int = 1000,
    key: int = 0,
) -> dict[str, EnsembleCurve]:
    """`ensemble_curve` of several methods over the same members and test images, all gains against one baseline.

    Member i of every method is made from the same network i, such as its last weights, or the mean prediction of
    samples around them. All methods see the same subsets of members and the same resampled test sets, so differences
    are paired in both. The gain of a method at a size is its score minus the baseline's mean single member, with an
    interval from those differences by the rule of `INTERVALS`; a method's own gain at size 1 is what it brings to one
    network. At size n the jackknife part is absent: its interval is of test sampling alone, for these n members. So is
    every interval of a single member.

    Args:
        log_probs: name of each method -> log-probabilities, [member, example, class], free of NaN.
        label: true classes, [example].
        baseline: the method whose score at size 1 the gains are measured against, a name of `log_probs`.
        limit: most subsets of a size; taken as the number of members where that is more.
        resamples: resampled test sets, 2 or more.
        key: of the streams for subsets and resamples (see `modescape.rng.key`).

    Returns:
        Name of each method -> its curve, in the order of `log_probs`. The baseline's is that of `ensemble_curve`.

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit, on NaN, if the baseline is missing, and
            if methods differ in their number of members.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 8 (ensembles of subspace samples against ensembles).

    >>> import numpy as np
    >>> single = np.log([[[0.9, 0.1], [0.3, 0.7]], [[0.2, 0.8], [0.6, 0.4]]])
    >>> softer = np.log([[[0.8, 0.2], [0.4, 0.6]], [[0.4, 0.6], [0.5, 0.5]]])
    >>> methods = {"single": single, "softer": softer}
    >>> curves = ensemble_curves(methods, np.array([0, 1]), baseline="single", resamples=50)
    >>> curves["softer"].gain[curves["softer"].metric.index("brier")].round(4).tolist()
    [-0.145, -0.1875]
    """
    if baseline not in log_probs:
        raise InputError(f"baseline is {baseline!r}; expected one of the methods, {', '.join(map(repr, log_probs))}")
    arrays: dict[str, np.ndarray] = {}
    (label,), _ = to_numpy(label)
    for name, log_prob in log_probs.items():
        (arrays[name],), _ = to_numpy(log_prob)
        try:
            check_members(arrays[name], label)
        except InputError as error:
            raise InputError(f"method {name!r}: {error}") from error
        if len(arrays[name]) != len(next(iter(arrays.values()))):
            counts = ", ".join(f"{len(values)} for {method!r}" for method, values in arrays.items())
            raise InputError(f"numbers of members differ ({counts}); methods are compared over the same members")
    return _curves(arrays, label, baseline, limit, resamples, key)


def _curves(
    log_probs: dict[str, np.ndarray], label: np.ndarray, baseline: str, limit: int, resamples: int, key: int
) -> dict[str, EnsembleCurve]:
    if resamples < 2:
        raise InputError(f"resamples is {resamples}; expected 2 or more")
    members = len(log_probs[baseline])
    counts = resample_counts(label.size, resamples, key)
    masks = [subsets(members, size, max(limit, members), key) for size in range(1, members + 1)]
    alone = _estimate(log_probs[baseline], label, masks[0], counts, key)
    curves = {}
    for name, log_prob in log_probs.items():
        rows = []
        for chosen in masks:
            known = name == baseline and chosen is masks[0]
            estimate = alone if known else _estimate(log_prob, label, chosen, counts, key)
            gain = estimate.minus(alone)
            rows.append((estimate.score, *estimate.interval(), gain.score, *gain.interval()))
        columns = [np.stack(column, axis=1) for column in zip(*rows, strict=True)]
        used = np.array([len(chosen) for chosen in masks])
        curves[name] = EnsembleCurve(tuple(METRICS), np.arange(1, members + 1), used, *columns)
    return curves


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
