"""Scores of several runs of one training method, and differences of two methods on the same test images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modescape.metrics.crossed import subset_estimate
from modescape.metrics.grouping import by_group, count_units
from modescape.metrics.influence import crossed_interval
from modescape.metrics.intervals import range_interval
from modescape.metrics.scoring import CLASSES, Scoring

ALONE = np.ones((1, 1), dtype=bool)  # the only subset of one repeat


def compared_scores(scoring: Scoring = CLASSES) -> list[str]:
    """Names of the scores, in the order of results."""
    return [*scoring.scores, *scoring.calibrated]


class Repeats(NamedTuple):
    """Scores of repeats of one method; metrics as in `compared_scores`."""

    example: (
        np.ndarray
    )  # of each repeat and example (or group), [metric, repeat, example]; ECE as `metrics.crossed.Estimate` has it

    @property
    def score(self) -> np.ndarray:
        """Scores of each repeat, float [metric, repeat]."""
        return self.example.mean(-1)

    @property
    def influence(self) -> np.ndarray | None:
        """Influence of each repeat on the mean, which is its own score; None for a single one."""
        return self.example if self.example.shape[1] > 1 else None


class Interval(NamedTuple):
    """One value per metric with its 95 % interval, [metric] each, metrics as in `compared_scores`."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def repeats_of(
    log_prob: np.ndarray,
    label: np.ndarray,
    validation: np.ndarray | None,
    validation_label: np.ndarray | None,
    group: np.ndarray | None = None,
    scoring: Scoring = CLASSES,
) -> Repeats:
    """Scores of every repeat, and those at the temperature (or scale) that suits the validation images best.

    Args:
        log_prob: predictions of one network or ensemble per repeat on the test images, [repeat, example, class].
        label: [example].
        validation: the same on the validation images; None: calibrated scores are NaN.
        validation_label: their labels.
        group: of each test image (`modescape.arrays.group_codes`).
        scoring: of the task.
    """
    units = count_units(group, len(label))
    example = np.full((len(compared_scores(scoring)), len(log_prob), units), np.nan)
    for repeat, own in enumerate(log_prob):
        estimate = subset_estimate(own[None], label, ALONE, None, scoring, group=group)
        example[: len(scoring.scores), repeat] = estimate.example
    if validation is not None and validation_label is not None:
        cooled = scoring.calibrate(log_prob, validation, validation_label)
        for row, score in enumerate(scoring.calibrated.values(), len(scoring.scores)):
            example[row] = by_group(score.examples(cooled, label), group)
    return Repeats(example)


def difference(one: Repeats, other: Repeats | None, scoring: Scoring = CLASSES) -> Interval:
    """Mean score of one method, minus that of another (if any) on the same examples, with a 95 % interval.

    Repeats are the members of `modescape.metrics.influence`, those of two methods drawn independently of each
    other, on the same examples. Coverage in a simulation with known truth: docs/log.md. A method with a single repeat
    is taken as fixed: the interval does not cover further repeats.
    """
    every = [*scoring.scores.values(), *scoring.calibrated.values()]
    smallest, largest = (np.array([getattr(score, end) for score in every]) for end in ("smallest", "largest"))
    value, example, influences = one.score.mean(1), one.example.mean(1), [one.influence]
    with np.errstate(invalid="ignore"):  # an infinite NLL has no interval
        if other is not None:
            value, example = value - other.score.mean(1), example - other.example.mean(1)
            influences.append(other.influence)
        low, high = crossed_interval(value, example, *influences)
        if other is None:
            return Interval(value, *range_interval(value, (high - low) / 2, smallest, largest, example.shape[1]))
    return Interval(value, np.maximum(low, smallest - largest), np.minimum(high, largest - smallest))
