"""Score of an ensemble against its size, with intervals that account for overlapping subsets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.arrays import Array, group_codes, to_numpy
from modescape.covers import new_if, note_covers
from modescape.errors import InputError
from modescape.metrics import many
from modescape.metrics.crossed import size_estimates, size_masks
from modescape.metrics.grouping import count_units
from modescape.metrics.regression import squared_error_law
from modescape.metrics.scores import units_of
from modescape.metrics.scoring import CLASSES, Scoring
from modescape.metrics.subsets import brier_law
from modescape.results import of_groups

if TYPE_CHECKING:
    import xarray as xr

ALL_SIZES = 40  # most members for which every size is evaluated
LONG_NAMES = {  # of the variables of a labelled curve, in the order of the fields of `EnsembleCurve` from score on
    "score": "mean score over subsets",
    "score_low": "lower end of the 95 % interval of the score, new members on new examples",
    "score_high": "upper end of it",
    "score_low_these": "lower end of the 95 % interval of the score, these members on new examples",
    "score_high_these": "upper end of it",
    "gain": "score minus the mean single network's",
    "gain_low": "lower end of the 95 % interval of the gain, new members on new examples",
    "gain_high": "upper end of it",
    "gain_low_these": "lower end of the 95 % interval of the gain, these members on new examples",
    "gain_high_these": "upper end of it",
}
INTERVALS = (
    "95 %, for new members on new examples: Student's t with Satterthwaite's degrees of freedom on the variance over "
    "test examples and that between networks without what the same examples made of it; a single network, and the "
    "gain of two: of test examples alone. The narrower ones, in the data, are for these members on new examples: "
    "normal, on the variance over test examples. Those of the calibration error are of what test sets of this size "
    "show on average"
)


def intervals_in_words(text: str, scoring: Scoring) -> str:
    """How intervals were made, in words for a regression: without calibration errors and temperatures."""
    if "ece" in scoring.scores:
        return text
    text = text.replace("temperatures held", "factors of variances held")
    return re.sub(r"\. (Those of the calibration error are of|Calibration errors:) what test sets [a-z ]*", "", text)


@dataclass(frozen=True)
class EnsembleCurve:
    """Scores of ensembles of 1 .. n members. The axis `metric` has the names of the scores.

    A gain is the score minus that of the mean single network: positive is better for accuracy, negative for the others.
    """

    metric: tuple[str, ...]  # accuracy, nll, brier, ece, ...
    size: np.ndarray  # 1 .. n, [size]
    subsets: np.ndarray  # subsets averaged at each size, [size]
    score: np.ndarray  # mean over the subsets, [metric, size]
    low: np.ndarray  # 95 % interval of the score, for new members on new examples, [metric, size]
    high: np.ndarray
    low_these: np.ndarray  # 95 % interval of the score, for these members on new examples, [metric, size]
    high_these: np.ndarray
    gain: np.ndarray  # score minus the score at size 1 (of the baseline, where methods are compared), [metric, size]
    gain_low: np.ndarray  # 95 % interval of the gain, for new members on new examples, [metric, size]
    gain_high: np.ndarray
    gain_low_these: np.ndarray  # 95 % interval of the gain, for these members on new examples, [metric, size]
    gain_high_these: np.ndarray

    def values(self) -> dict[str, np.ndarray]:
        """Scores, gains and ends of their intervals by the names of `LONG_NAMES`, [metric, size] each."""
        return {name: getattr(self, name.removeprefix("score_")) for name in LONG_NAMES}


LAWS = {  # exact laws: name -> function and description
    "brier_law": (brier_law, "Brier score by the closed form B1 - (1 - 1/k) V"),
    "squared_error_law": (squared_error_law, "mean squared error by the closed form E1 - (1 - 1/k) V"),
}


def law_curve(predictive: np.ndarray, target: np.ndarray, score: np.ndarray, scoring: Scoring = CLASSES) -> np.ndarray:
    """The exact law of a task at sizes 1 .. n, [size].

    Args:
        predictive: [member, example, width].
        target: of the examples.
        score: the task's scores at these sizes, [metric, size]; a single network is its own mean member.
        scoring: of the task.
    """
    if len(predictive) > 1:
        return LAWS[scoring.law][0](predictive, target).at(np.arange(1, len(predictive) + 1))
    own = score[list(scoring.scores).index(scoring.of_law)].copy()
    return own**2 if scoring.law == "squared_error_law" else own


def ensemble_curve(
    log_prob: Array,
    label: Array,
    *,
    group: Any = None,
    limit: int = 200,
    key: int = 0,
    scoring: Scoring = CLASSES,
    all_sizes: int = ALL_SIZES,
) -> xr.Dataset:
    """Every score of `SCORES` against ensemble size 1 .. n, and the gain over the mean member, with intervals.

    The score at size k is the mean over the subsets of k members, sampled in a balanced way above `limit`. `INTERVALS`
    says what the 95 % intervals cover; docs/intervals.md has the formulas and how often they cover it in simulations.
    An infinite NLL has NaN for its interval, and so has every score of a single example.

    With more than `all_sizes` members only some sizes are evaluated (1 to 8, then four per doubling, and n), whose
    subsets are disjoint and shared between sizes: `modescape.metrics.many`. If examples have groups, and for a
    regression, every size is evaluated for any number of members.

    Args:
        log_prob: log-probabilities, [member, example, class], free of NaN.
        label: true classes, [example].
        group: name of each example's group, such as a patient, [example]: intervals are then for new groups
            (`modescape.metrics.grouping`). None: every example is its own group.
        limit: most subsets of a size, but at least the number of members.
        key: of the stream that samples subsets (see `modescape.rng.key`).
        scoring: for other predictions: `modescape.metrics.scoring.NUMBERS` takes means and log-variances side by side,
            [member, example, 2 x output], and targets [example, output].
        all_sizes: most members for which every size is evaluated.

    Returns:
        score and gain with their ends [metric, size], as `LONG_NAMES` describes them; subsets and brier_law (of a
        regression squared_error_law) [size].

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit, and on NaN.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 8 (mean over all subsets).

    >>> import numpy as np
    >>> log_prob = np.log([[[0.9, 0.1], [0.3, 0.7]], [[0.2, 0.8], [0.6, 0.4]]])
    >>> curve = ensemble_curve(log_prob, np.array([0, 1]))
    >>> curve["score"].sel(metric="brier").values.round(4).tolist(), curve["subsets"].values.tolist()
    ([0.55, 0.405], [2, 1])
    """
    (log_prob, label), _ = to_numpy(log_prob, label)
    scoring.check(log_prob, label)
    codes = group_codes(group, len(label))
    if are_many(len(log_prob), all_sizes, scoring, codes):
        return curve_of_many(
            lambda block: log_prob[:, block], label, len(log_prob), log_prob.shape[2], limit, key, scoring
        )
    curve = _curves({"": log_prob}, label, "", limit, key, scoring, codes)[""]
    law = law_curve(log_prob, label, curve.score, scoring) if scoring.law else None
    return _labelled(
        curve, law, scoring, INTERVALS if codes is None else f"{INTERVALS}. {of_groups(count_units(codes, 0))}"
    )


def are_many(members: int, all_sizes: int, scoring: Scoring, group: np.ndarray | None) -> bool:
    """Whether `curve_of_many` is used: more members than ``all_sizes``, and scores that it supports."""
    return members > all_sizes and members >= 2 * many.LEAST and group is None and many.is_streamed(scoring)


def curve_of_many(
    read: Callable[[slice], np.ndarray],
    label: np.ndarray,
    members: int,
    classes: int,
    limit: int = 200,
    key: int = 0,
    scoring: Scoring = CLASSES,
) -> xr.Dataset:
    """`ensemble_curve` for hundreds of members, whose predictions are read once, block by block.

    Args:
        read: slice of examples -> their log-probabilities, [member, example, class], free of NaN.
        label: true classes, [example].
        members: their number, 2 `many.LEAST` or more.
        classes: their number.
        limit: most subsets of a size, but at least as many as are disjoint.
        key: of the stream of random orders.
        scoring: as of `ensemble_curve`.
    """
    found = many.curve(read, label, members, classes, wanted=limit, key=key, scoring=scoring)
    curve = EnsembleCurve(tuple(scoring.scores), found.size, found.subsets, *found.columns)
    return _labelled(curve, None if found.law is None else found.law.at(found.size), scoring, many.INTERVALS)


def _labelled(curve: EnsembleCurve, law: np.ndarray | None, scoring: Scoring, intervals: str) -> xr.Dataset:
    """A curve as a dataset."""
    import xarray as xr

    dataset = xr.Dataset(
        {
            **{
                name: (("metric", "size"), values, {"units": units_of(scoring.scores), "long_name": LONG_NAMES[name]})
                for name, values in curve.values().items()
            },
            "subsets": ("size", curve.subsets, {"units": "1", "long_name": "subsets averaged"}),
            **({} if law is None else {scoring.law: ("size", law, {"units": "1", "long_name": LAWS[scoring.law][1]})}),
        },
        coords={
            "metric": ("metric", list(curve.metric), {"units": "1", "long_name": "metric"}),
            "size": ("size", curve.size, {"units": "1", "long_name": "networks averaged"}),
        },
        attrs={"title": "Scores against the number of networks averaged", "intervals": intervals},
    )
    members = int(curve.size.max())
    note_covers(dataset, {"score": new_if(members), "gain": new_if(members - 1)})
    return dataset


def ensemble_curves(
    log_probs: Mapping[str, Array],
    label: Array,
    *,
    baseline: str,
    group: Any = None,
    limit: int = 200,
    key: int = 0,
    scoring: Scoring = CLASSES,
) -> dict[str, EnsembleCurve]:
    """Curves of several methods over the same members and test examples, all gains against one baseline.

    Member i of every method is made from the same network i, such as its last weights, or the mean prediction of
    samples around them. All methods use the same subsets of members and the same test examples, so differences are
    paired in both. The gain of a method at a size is its score minus the baseline's mean single member, with intervals
    from those differences by the rule of `INTERVALS`; a method's gain at size 1 is its gain for one network.

    Args:
        log_probs: name of each method -> log-probabilities, [member, example, class], free of NaN.
        label: true classes, [example].
        baseline: the method whose score at size 1 the gains are measured against, a name of `log_probs`.
        group: name of each example's group, as for `ensemble_curve`.
        limit: most subsets of a size, but at least the number of members.
        key: of the stream that samples subsets (see `modescape.rng.key`).
        scoring: for other predictions, as for `ensemble_curve`.

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
    >>> curves = ensemble_curves(methods, np.array([0, 1]), baseline="single")
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
            scoring.check(arrays[name], label)
        except InputError as error:
            raise InputError(f"method {name!r}: {error}") from error
        if len(arrays[name]) != len(next(iter(arrays.values()))):
            counts = ", ".join(f"{len(values)} for {method!r}" for method, values in arrays.items())
            raise InputError(f"numbers of members differ ({counts}); methods are compared over the same members")
    return _curves(arrays, label, baseline, limit, key, scoring, group=group_codes(group, len(label)))


def _curves(
    log_probs: dict[str, np.ndarray],
    label: np.ndarray,
    baseline: str,
    limit: int,
    key: int,
    scoring: Scoring = CLASSES,
    group: np.ndarray | None = None,
) -> dict[str, EnsembleCurve]:
    members = len(log_probs[baseline])
    sizes = list(range(1, members + 1))
    masks = size_masks(members, sizes, limit, key)
    used = np.array([len(masks[size]) for size in sizes])
    _, alone = next(size_estimates(log_probs[baseline], label, masks, scoring, group))
    curves: dict[str, EnsembleCurve] = {}
    for name, log_prob in log_probs.items():
        rows: list[list[np.ndarray]] = []
        for _, score in size_estimates(log_prob, label, masks, scoring, group):
            gain = score.gain(alone) if name == baseline else score.minus(alone)
            both = ((one.score, *one.new(), *one.these()) for one in (score, gain))
            rows.append([column for part in both for column in part])
        columns = [np.stack(column, axis=1) for column in zip(*rows, strict=True)]
        curves[name] = EnsembleCurve(tuple(scoring.scores), np.array(sizes), used, *columns)
    return curves
