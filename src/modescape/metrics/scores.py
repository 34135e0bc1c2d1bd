"""Scores: `SCORES` is the only list of them; curves, tables, texts and figures read it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modescape.arrays import Array
from modescape.errors import InputError
from modescape.metrics.averages import (
    CalibrationError,
    Collector,
    Examples,
    Folds,
    Subsets,
    average_accuracy,
    average_brier,
    average_nll,
)
from modescape.metrics.classification import (
    Checked,
    PerExample,
    checked,
    ece,
    example_accuracy,
    example_brier,
    example_nll,
)
from modescape.metrics.gaussians import checked as gaussians_checked
from modescape.metrics.regression import RootMean, example_crps, mixture_crps, mixture_nll, rmse
from modescape.metrics.regression import example_nll as example_density_nll
from modescape.metrics.running import Running, RunningCalibrationError, RunningMean

TARGET_UNIT = "unit of the target"
"""Stands for the unit where the data does not say it."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score of predictions: how it is computed, its range, and how it is named and formatted.

    Exactly one of ``per_example`` and ``aggregate`` is given. Means over examples have the intervals of
    `modescape.metrics.influence`; for other scores parts of the test set are left out in turn, unless the score has its
    own ``collector``.
    """

    label: str  # in titles and rows: "Negative log-likelihood"
    short: str  # in headers, on axes and inside a sentence: "NLL"
    higher_is_better: bool
    per_example: PerExample | None = None  # log_prob [..., example, class], label [example] -> [..., example]
    aggregate: Callable[[Array, Array], Array] | None = None  # the same -> [...]; for a score that is not such a mean
    unit: str = "1"  # "1" for pure numbers
    smallest: float = 0.0  # smallest value; minus infinity, as for the NLL of a density: symmetric intervals
    largest: float = math.inf
    check: Checked = checked  # checks predictions and targets, and converts them to arrays
    percent: bool = False  # written as a percentage, differences in points
    never_worse: bool = False  # averaging probabilities cannot make it worse: it is convex in them (Jensen)
    of_average: Callable[[Any], np.ndarray] | None = None  # per_example of averages, if that is faster or more accurate
    collector: Callable[[Subsets], Collector] | None = None  # of averages, if better than leaving parts out
    running: Callable[[int], Running] | None = None  # for so many averages, if not a mean over examples

    def __post_init__(self) -> None:
        """Check that there is exactly one way to compute the score."""
        if (self.per_example is None) == (self.aggregate is None):
            raise InputError(f"score {self.label!r} has per_example and aggregate, or neither; expected one of the two")

    def __call__(self, log_prob: Array, label: Array) -> Array:
        """The score of log-probabilities [..., example, class] with labels [example], [...]."""
        if self.per_example is not None:
            log_prob, label, restore = self.check(log_prob, label)
            return restore(self.per_example(log_prob, label).mean(-1))
        assert self.aggregate is not None
        return self.aggregate(log_prob, label)

    def examples(self, log_prob: Array, label: Array) -> Array:
        """The score of every example, [..., example]; only for means over examples."""
        if self.per_example is None:
            raise InputError(f"score {self.label!r} is defined on a whole test set, not on an example")
        log_prob, label, restore = self.check(log_prob, label)
        return restore(self.per_example(log_prob, label))

    def collect(self, subsets: Subsets) -> Collector:
        """The collector of this score over averages of subsets."""
        if self.collector is not None:
            return self.collector(subsets)
        if (per_example := self.per_example) is not None:
            return Examples(subsets, self.of_average or (lambda average: per_example(average.log_prob, average.label)))
        assert self.aggregate is not None
        return Folds(subsets, self.aggregate)

    def follow(self, subsets: int) -> Running | None:
        """The accumulator of the score for many averages, block by block; None if it needs all examples at once."""
        if self.running is not None or self.per_example is None:
            return self.running and self.running(subsets)
        per_example = self.per_example
        return RunningMean(self.of_average or (lambda average: per_example(average.log_prob, average.label)))

    def in_unit(self, unit: str) -> Score:
        """The score with the target's unit filled in, if it has that unit and the unit is known."""
        return replace(self, unit=unit) if self.unit == TARGET_UNIT and unit else self

    @property
    def factor(self) -> float:
        """Factor for values where they are written or plotted."""
        return 100.0 if self.percent else 1.0

    @property
    def name(self) -> str:
        """``short``, capitalised for the beginning of a line."""
        return self.short[:1].upper() + self.short[1:]

    @property
    def axis(self) -> str:
        """Label of its axis, with the unit in parentheses."""
        of = f"{self.smallest:g} to {self.largest:g}" if math.isfinite(self.largest - self.smallest) else "1"
        own = f"{self.unit} per example" if self.unit == "nats" else self.unit
        unit = "%" if self.percent else of if self.unit == "1" else own
        return f"{self.name} ({unit})"

    @property
    def difference_unit(self) -> str:
        """Unit of its differences."""
        return "points" if self.percent else self.unit

    def with_unit(self, words: str) -> str:
        """``words`` followed by the unit, if it has one."""
        return words if self.unit == "1" else f"{words} ({self.unit})"

    def of_differences(self, words: str) -> str:
        """``words`` followed by the unit of a difference, if it has one."""
        return words if self.difference_unit == "1" else f"{words} ({self.difference_unit})"


SCORES: dict[str, Score] = {
    "accuracy": Score(
        label="Accuracy",
        short="accuracy",
        higher_is_better=True,
        per_example=example_accuracy,
        largest=1.0,
        percent=True,
        of_average=average_accuracy,
    ),
    "nll": Score(
        label="Negative log-likelihood",
        short="NLL",
        higher_is_better=False,
        per_example=example_nll,
        unit="nats",
        never_worse=True,
        of_average=average_nll,
    ),
    "brier": Score(
        label="Brier score",
        short="Brier score",
        higher_is_better=False,
        per_example=example_brier,
        largest=2.0,
        never_worse=True,
        of_average=average_brier,
    ),
    "ece": Score(
        label="Expected calibration error",
        short="ECE",
        higher_is_better=False,
        aggregate=ece,
        largest=1.0,
        collector=CalibrationError,
        running=RunningCalibrationError,
    ),
}
REGRESSION_SCORES: dict[str, Score] = {
    "rmse": Score(
        label="Root mean squared error",
        short="RMSE",
        higher_is_better=False,
        check=gaussians_checked,
        aggregate=rmse,
        unit=TARGET_UNIT,
        never_worse=True,  # a norm: convex
        collector=RootMean,
    ),
    "nll": Score(
        label="Negative log-likelihood",
        short="NLL",
        higher_is_better=False,
        check=gaussians_checked,
        per_example=example_density_nll,
        unit="nats",
        never_worse=True,
        smallest=-np.inf,  # a density may exceed 1
        of_average=mixture_nll,
    ),
    "crps": Score(
        label="Continuous ranked probability score",
        short="CRPS",
        higher_is_better=False,
        check=gaussians_checked,
        per_example=example_crps,
        unit=TARGET_UNIT,
        never_worse=True,
        of_average=mixture_crps,
    ),
}
CALIBRATED: dict[str, Score] = {  # of predictions at the temperature fitted on validation examples
    "calibrated_nll": Score(
        label="Calibrated negative log-likelihood",
        short="calibrated NLL",
        higher_is_better=False,
        per_example=example_nll,
        unit="nats",
    ),
}


CALIBRATED_NUMBERS: dict[str, Score] = {  # of predictions with variances rescaled on validation examples
    "calibrated_nll": replace(
        CALIBRATED["calibrated_nll"],
        check=gaussians_checked,
        per_example=example_density_nll,
        smallest=-np.inf,
    ),
}


def score_of(name: str) -> Score | None:
    """The score with a name in results; None if the name is unknown, such as one of an older version."""
    return SCORES.get(name) or CALIBRATED.get(name) or REGRESSION_SCORES.get(name)


def ranges_of(names: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest value of each score, [score] each; 0 and infinity for unknown ones."""
    ranges = [(known.smallest, known.largest) if (known := score_of(name)) else (0.0, math.inf) for name in names]
    smallest, largest = np.array(ranges).reshape(-1, 2).T
    return smallest, largest


def units_of(names: Iterable[str]) -> str:
    """Units of a variable that holds these scores, such as "1 (nats for nll)"."""
    others: dict[str, list[str]] = {}
    for name in names:
        if (known := score_of(name)) and known.unit != "1":
            others.setdefault(known.unit, []).append(name)
    parts = [f"{unit} for {' and '.join(those)}" for unit, those in others.items()]
    return f"1 ({', '.join(parts)})" if parts else "1"


def example_scores(log_prob: Array, label: Array) -> dict[str, Array]:
    """Score of every example, for the scores that are means over examples.

    Args:
        log_prob: log-probabilities, [..., example, class].
        label: true classes, [example].

    Returns:
        accuracy (1 or 0), nll (nats) and brier (0 to 2), float64 [..., example] each.

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit.

    >>> import numpy as np
    >>> example_scores(np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0]))["brier"].round(3).tolist()
    [0.5, 1.125]
    """
    log_prob, label, restore = checked(log_prob, label)
    return {name: restore(score.per_example(log_prob, label)) for name, score in SCORES.items() if score.per_example}
