"""Scores of members crossed with test examples: what an interval of an ensemble's score is computed from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from modescape.metrics.averages import Subsets
from modescape.metrics.grouping import by_group
from modescape.metrics.influence import crossed_interval, example_variance, influence_weights, variance_between
from modescape.metrics.intervals import bounded_interval, range_interval, satterthwaite_interval
from modescape.metrics.scores import SCORES, Score
from modescape.metrics.scoring import CLASSES, Scoring
from modescape.metrics.subsets import gathered, subsets


@dataclass(frozen=True)
class Estimate:
    """Scores with what their intervals are computed from; differences of two are paired over members and examples.

    Scores that are not means over examples, such as the ECE, have surrogate values for examples: their mean is the
    score, and their variance is that over test sets (`modescape.metrics.averages`). Where examples have groups the
    values are those of the groups (`modescape.metrics.grouping.by_group`).
    """

    score: np.ndarray  # metrics as in `SCORES`, [metric]
    example: np.ndarray  # score of each example (or group), mean over subsets, [metric, example]
    influence: np.ndarray | None  # of each member, [metric, member, example]; None for a single member
    kind: Literal["score", "gain", "difference"] = "score"
    scores: Mapping[str, Score] = field(default_factory=lambda: SCORES)

    def gain(self, alone: Estimate) -> Estimate:
        """The gain from averaging over the mean single network of the same members."""
        return replace(self.minus(alone), kind="gain")

    def minus(self, other: Estimate) -> Estimate:
        """The difference from any estimate over the same members and examples."""
        known = self.influence is not None and other.influence is not None
        with np.errstate(invalid="ignore"):  # infinite NLL on both sides
            return Estimate(
                self.score - other.score,
                self.example - other.example,
                self.influence - other.influence if known else None,  # pyright: ignore[reportOptionalOperand]
                kind="difference",
                scores=self.scores,
            )

    def these(self) -> tuple[np.ndarray, np.ndarray]:
        """95 % interval for these members on new examples, lower and upper end, [metric] each."""
        return self._interval(None)

    def new(self) -> tuple[np.ndarray, np.ndarray]:
        """95 % interval for new members on new examples; for a single member the same as `these`."""
        return self._interval(self.influence)

    def _interval(self, influence: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        ends = crossed_interval(self.score, self.example, influence)
        return in_range(self.score, *ends, self.example.shape[1], self.kind, self.scores)


def in_range(
    score: np.ndarray, low: np.ndarray, high: np.ndarray, examples: int, kind: str, scores: Mapping[str, Score]
) -> tuple[np.ndarray, np.ndarray]:
    """A symmetric interval transformed to respect the range of its score, [metric] each.

    Args:
        score: the estimate.
        low: lower end of the interval.
        high: upper end.
        examples: number of examples, or groups, behind it.
        kind: as of `Estimate`.
        scores: the metrics.
    """
    half = (high - low) / 2
    smallest, largest = (np.array([getattr(one, end) for one in scores.values()]) for end in ("smallest", "largest"))
    if kind == "score":
        return range_interval(score, half, smallest, largest, examples)
    low, high = np.maximum(low, smallest - largest), np.minimum(high, largest - smallest)
    if kind == "gain":
        little, much = bounded_interval(-score, half, np.inf, examples)
        never_worse = np.array([one.never_worse for one in scores.values()])
        low, high = np.where(never_worse, -much, low), np.where(never_worse, -little, high)
    return low, high


def apart(one: Estimate, other: Estimate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Difference between two independent sets of members on the same examples, with its 95 % interval.

    Returns:
        one - other, lower and upper end, [metric] each; a set without influences is taken as fixed.
    """
    with np.errstate(invalid="ignore"):  # infinite scores on both sides
        value, example = one.score - other.score, one.example - other.example
    low, high = crossed_interval(value, example, one.influence, other.influence)
    widest = np.array([score.largest - score.smallest for score in one.scores.values()])
    return value, np.maximum(low, -widest), np.minimum(high, widest)


def of_runs(score: np.ndarray, example: np.ndarray, scoring: Scoring = CLASSES) -> Estimate:
    """Mean over independent runs.

    Args:
        score: scores of each run, [run, metric].
        example: scores of each run and example, [run, metric, example]; or group, as `subset_estimate` gives them.
        scoring: which scores they are.
    """
    example = example.astype(np.float64)  # for sums of squares over members and examples
    influence = np.swapaxes(example, 0, 1) if len(example) > 1 else None
    return Estimate(score.mean(0), example.mean(0), influence, scores=scoring.scores)


class RunSums:
    """`of_runs` for runs added one by one, so that only one is in memory; for a score or a difference."""

    def __init__(self) -> None:
        self.score: list[np.ndarray] = []
        self.means: list[np.ndarray] = []
        self.example: np.ndarray = np.zeros(1)
        self.squares: np.ndarray = np.zeros(1)

    def add(self, score: np.ndarray, example: np.ndarray) -> None:
        """Take in a run: its scores [metric], and of each example [metric, example]; or group."""
        self.score.append(score)
        with np.errstate(invalid="ignore", over="ignore"):  # infinite scores
            self.means.append(example.mean(1))
            self.example = self.example + example
            self.squares = self.squares + np.square(example).sum(1)

    def columns(self, kind: str, scores: Mapping[str, Score]) -> list[np.ndarray]:
        """Mean over the runs, ends of its interval for new runs on new examples, and for these runs; [metric] each."""
        runs, examples = len(self.score), self.example.shape[1]
        between = None
        with np.errstate(invalid="ignore", over="ignore"):  # infinite scores
            value, mean, example = np.mean(self.score, 0), np.stack(self.means, 1), self.example / runs
            if runs > 1:
                squares = self.squares - runs * np.square(example).sum(1)
                between = variance_between(mean - mean.mean(1, keepdims=True), squares, examples)
        return [value, *both_intervals(value, example_variance(example), between, examples, kind, scores)]


def both_intervals(
    value: np.ndarray,
    of_examples: np.ndarray,
    between: tuple[np.ndarray, np.ndarray] | None,
    examples: int,
    kind: str,
    scores: Mapping[str, Score],
) -> list[np.ndarray]:
    """95 % intervals for new members and for these members, both on new examples: four ends, [metric] each.

    Args:
        value: the estimates.
        of_examples: their variance over examples.
        between: their variance between networks and its degrees of freedom; None for a single network.
        examples: how many, or groups.
        kind: as of `Estimate`.
        scores: the metrics.
    """
    of_these = ([of_examples], [np.inf])
    of_new = of_these if between is None else ([of_examples, between[0]], [np.inf, between[1]])
    ends = (satterthwaite_interval(value, *parts) for parts in (of_new, of_these))
    return [end for low, high in ends for end in in_range(value, low, high, examples, kind, scores)]


def size_masks(members: int, sizes: list[int], limit: int, key: int) -> dict[int, np.ndarray]:
    """Subsets of each size, and of those from which `size_estimates` takes influences; bool [subset, member] each."""
    needed = {*sizes, *(_sources(members) if max(sizes) > half_of(members) else ())}
    return {size: subsets(members, size, max(limit, members), key) for size in sorted(needed)}


def half_of(members: int) -> int:
    """The largest size whose subsets differ by enough members for influences to be fitted to their scores."""
    return (members + 1) // 2


def _sources(members: int) -> tuple[int, int]:
    """Sizes from whose influences those above half of the members are extrapolated."""
    return 1, half_of(members)


def size_estimates(
    log_prob: np.ndarray,
    label: np.ndarray,
    masks: Mapping[int, np.ndarray],
    scoring: Scoring = CLASSES,
    group: np.ndarray | None = None,
) -> Iterator[tuple[int, Estimate]]:
    """Yield estimates of the mean score over the subsets of each size, one at a time, as influences are large.

    Up to half of the members, influences are fitted to the subsets' scores (`influence_weights`). Larger subsets differ
    by too few members for that (all of them by none), and the gain over a single network grows as 1 - 1/k: exactly
    for the Brier score (see `brier_law`), nearly for the others. So do its influences,
    h(k) = h(1) + (h(K) - h(1)) (1 - 1/k) / (1 - 1/K), with K half of the members.

    Args:
        log_prob: log-probabilities, [member, example, class], free of NaN; or another task's predictions.
        label: true classes, [example]; or a task's targets.
        masks: subsets of each size (`size_masks`).
        scoring: of the task.
        group: of each example (`modescape.arrays.group_codes`).

    Yields:
        Sizes in order, each with its estimate.
    """
    members = len(log_prob)
    half, sources = half_of(members), {}
    for size, chosen in sorted(masks.items()):
        known = members > 1 and size <= half
        estimate = subset_estimate(
            log_prob, label, chosen, influence_weights(chosen) if known else None, scoring, group
        )
        if known and size in _sources(members):
            sources[size] = estimate.influence
        if members > 1 and size > half:
            alone, largest = (sources[source] for source in _sources(members))
            estimate = replace(estimate, influence=grown(alone, largest, size, members))
        yield size, estimate


def grown(alone: np.ndarray, largest: np.ndarray, size: int, members: int) -> np.ndarray:
    """Influences on the mean score of subsets of more than half of the members: see `size_estimates`.

    Args:
        alone: influences on the mean single network's score, [...].
        largest: on that of subsets of half of the members.
        size: of the subsets.
        members: of them all.
    """
    half = half_of(members)
    growth = (1 - 1 / size) / (1 - 1 / half) if half > 1 else 0.0  # with two members nothing is known
    with np.errstate(invalid="ignore"):  # infinite NLL
        return alone + growth * (largest - alone)


def subset_estimate(
    log_prob: np.ndarray,
    label: np.ndarray,
    masks: np.ndarray,
    weights: np.ndarray | None,
    scoring: Scoring = CLASSES,
    group: np.ndarray | None = None,
) -> Estimate:
    """Mean score over subsets.

    Args:
        log_prob: log-probabilities, [member, example, class]; or another task's predictions.
        label: true classes, [example]; or a task's targets.
        masks: the subsets, bool [subset, member].
        weights: from the subsets' scores to the members' influences, [member, subset]; None: no influences.
        scoring: of the task.
        group: of each example (`modescape.arrays.group_codes`).
    """
    # An example's mean and its influences are one matrix product with the subsets' scores.
    mixing = np.full((1, len(masks)), 1 / len(masks))
    mixing = mixing if weights is None else np.vstack([mixing, weights])
    totals, mixed = zip(*gathered(Subsets(log_prob, label, masks, mixing, group), scoring).values(), strict=True)
    score = np.array([total.mean() for total in totals]) / len(label)
    rows = np.stack([by_group(own, group) for own in mixed])  # [metric, row of mixing, example or group]
    influence = None if weights is None else rows[:, 1:]
    return Estimate(score, rows[:, 0], influence, scores=scoring.scores)
