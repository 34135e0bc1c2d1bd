"""How similar and how good networks of a task are: labels and accuracy of classes, means and RMSE of a regression.

`CLASSES` and `NUMBERS` say all that differs between tasks where networks are compared as functions; analyses go through
them, and figures and words by the names that they give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from modescape.functionspace import (
    disagreement,
    diversity_bounds,
    diversity_limits,
    jensen_shannon,
    normalized_diversity,
)
from modescape.functionspace.distances import (
    UNRELATED,
    distance_bounds,
    distance_limits,
    distances,
    over_error,
    root_mean_square,
)
from modescape.metrics.classification import accuracy
from modescape.metrics.gaussians import gaussian
from modescape.metrics.regression import rmse

TARGET = "unit of the target"


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A variable of results: its name, units and meaning."""

    name: str
    units: str
    long_name: str


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How networks of a task are compared. Their answers are [..., example(, output)], as `said` gives them."""

    said: Callable[[np.ndarray], np.ndarray]  # predictions [..., example, width] -> what is compared of them
    good: Callable[[np.ndarray, np.ndarray], np.ndarray]  # (predictions, target) -> [...], of `quality`
    mean_good: Callable[[np.ndarray, np.ndarray], float]  # mean of `good` over models [model, example, width]
    between: Callable[[np.ndarray], np.ndarray]  # said [model, example] -> [model, model], of `difference`
    apart: Callable[[np.ndarray, np.ndarray], np.ndarray]  # (said of models, of a baseline) -> [model], likewise
    over_error: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    """(answers of models, of a baseline, target) -> [model], of `normalized`; NaN where there is neither error nor
    difference."""
    agree: Callable[[np.ndarray, np.ndarray], np.ndarray]  # likewise, of `agreement`
    unrelated: float  # of networks whose errors are uncorrelated
    limits: Callable[[np.ndarray, float, int], tuple[np.ndarray, ...]]
    """(qualities, the baseline's, classes) -> four curves of `normalized`: noise on the baseline, uncorrelated
    errors, the smallest and the largest possible value."""
    features: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """(predictions [model, example, width], target) -> [model, feature]: points whose distances embeddings show."""
    moved: Callable[[np.ndarray, np.ndarray], float]
    """Largest difference of predictions [example, width] from a baseline's, of `control`."""
    control: str  # what of two predictions that is a difference of
    points: str  # what these are
    spread: Callable[[np.ndarray], float]  # predictions [model, example, width] -> how diverse they are, `diversity`
    quality: Quantity
    higher_is_better: bool
    difference: Quantity
    agreement: Quantity  # with a solution
    similar: str  # what `similarity` is
    normalized: Quantity
    diversity: Quantity

    def similarity(self, said: np.ndarray, baseline: np.ndarray, target: np.ndarray) -> np.ndarray:
        """1 for the same function, 0 for uncorrelated errors: max(0, 1 - `over_error` / `unrelated`).

        Args:
            said: of models, [model, example(, output)].
            baseline: of one network, [example(, output)].
            target: of the examples.
        """
        found = 1 - self.over_error(said, baseline, target) / self.unrelated
        return np.where(np.isnan(found), 1.0, np.clip(found, 0, 1))  # no error and no difference: the same


def _labels(log_prob: np.ndarray) -> np.ndarray:
    return log_prob.argmax(-1)


def _share_right(log_prob: np.ndarray, label: np.ndarray) -> float:
    return float(np.equal(log_prob.argmax(-1), label).mean())


def _most_probable(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(np.exp(one.astype(float)) - np.exp(other.astype(float))).max())


def _differing(said: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    return np.not_equal(said, baseline).mean(-1)


def _agreeing(said: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    return np.equal(said, baseline).mean(1)


def _limits_of_classes(accuracy: np.ndarray, baseline: float, classes: int) -> tuple[np.ndarray, ...]:
    return (*diversity_limits(accuracy, baseline, classes), *diversity_bounds(accuracy, baseline))


def _limits_of_numbers(error: np.ndarray, baseline: float, classes: int) -> tuple[np.ndarray, ...]:
    return (*distance_limits(error, baseline), *distance_bounds(error, baseline))


def _probabilities(log_prob: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.exp(log_prob).reshape(len(log_prob), -1)


def means(predictive: np.ndarray) -> np.ndarray:
    """Predicted means, float64 [..., example, output] of [..., example, 2 x output]."""
    return gaussian(predictive).mean


def standardised(predictive: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Means in standard deviations of the targets, [model, example x output]; unscaled where the target is constant."""
    deviation = target.std(0)
    return (means(predictive) / np.where(deviation > 0, deviation, 1.0)).reshape(len(predictive), -1)


def _mean_rmse(predictive: np.ndarray, target: np.ndarray) -> float:
    return float(np.mean(rmse(predictive, target)))


def _farthest(one: np.ndarray, other: np.ndarray) -> float:
    """Over the standard deviation of the other's means, output by output."""
    deviation = means(other).std(0)
    return float((np.abs(means(one) - means(other)) / np.where(deviation > 0, deviation, 1.0)).max())


def pair_distance(predictive: np.ndarray) -> float:
    """Root mean square distance of the means of two models, over all pairs: sqrt(2 V), V the variance (1/(n - 1))."""
    return float(np.sqrt(2 * means(predictive).var(0, ddof=1).mean()))


CLASSES = Likeness(
    said=_labels,
    good=accuracy,
    mean_good=_share_right,
    between=disagreement,
    apart=_differing,
    agree=_agreeing,
    over_error=normalized_diversity,
    unrelated=1.0,
    limits=_limits_of_classes,
    features=_probabilities,
    points="predicted probabilities",
    moved=_most_probable,
    control="probabilities",
    spread=jensen_shannon,
    quality=Quantity(name="accuracy", units="1", long_name="accuracy"),
    higher_is_better=True,
    difference=Quantity(
        name="disagreement", units="1", long_name="share of test examples with different predicted labels"
    ),
    agreement=Quantity(name="agreement", units="1", long_name="share of examples with the solution's label"),
    similar="max(0, 1 - d / (1 - accuracy))",
    normalized=Quantity(
        name="normalized_disagreement", units="1", long_name="disagreement over the mean error of the two"
    ),
    diversity=Quantity(name="jensen_shannon", units="nats", long_name="Jensen-Shannon divergence"),
)
NUMBERS = Likeness(
    said=means,
    good=rmse,
    mean_good=_mean_rmse,
    between=distances,
    apart=root_mean_square,
    agree=root_mean_square,
    over_error=over_error,
    unrelated=UNRELATED,
    limits=_limits_of_numbers,
    features=standardised,
    points="predictions, in standard deviations of the targets,",
    moved=_farthest,
    control="predicted means, over their standard deviation,",
    spread=pair_distance,
    quality=Quantity(name="rmse", units=TARGET, long_name="root mean squared error"),
    higher_is_better=False,
    difference=Quantity(
        name="prediction_distance", units=TARGET, long_name="root mean square distance of the predicted means"
    ),
    agreement=Quantity(
        name="prediction_distance",
        units=TARGET,
        long_name="root mean square distance of the predicted means from the solution's",
    ),
    similar="max(0, 1 - d / sqrt(e^2 + b^2)), d the distance, e and b the errors of the network and of the solution",
    normalized=Quantity(
        name="normalized_distance", units="1", long_name="that distance over the root mean squared error of the two"
    ),
    diversity=Quantity(
        name="pair_distance", units=TARGET, long_name="root mean square distance of the means of two networks"
    ),
)
LIKENESS: Mapping[str, Likeness] = {"classification": CLASSES, "regression": NUMBERS}
