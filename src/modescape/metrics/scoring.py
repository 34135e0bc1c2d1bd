"""How the predictions of a task are scored: its scores, and how predictions of several networks are combined.

`CLASSES` and `NUMBERS` hold all that differs between tasks; curves, intervals and tables go through them. `VOTES` and
`MEANS` are for predictions without confidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from modescape.arrays import check_log_prob
from modescape.errors import InputError
from modescape.metrics.averages import Subsets, averages, combine
from modescape.metrics.blocks import check_label
from modescape.metrics.gaussians import check_predictive, combine_gaussians, gaussian, scale_gaussian, scaled
from modescape.metrics.regression import mixtures
from modescape.metrics.scores import CALIBRATED, CALIBRATED_NUMBERS, REGRESSION_SCORES, SCORES, Score
from modescape.metrics.temperature import fit_temperature, rescale


@dataclass(frozen=True)
class Scoring:
    """How predictions [..., example, width] are scored against targets [example] or [example, output]."""

    scores: Mapping[str, Score]
    averages: Callable[[Subsets], Iterator[Any]]  # of subsets of members, a block of examples at a time
    combine: Callable[..., np.ndarray]  # (predictions, dim=0) -> the ensemble's, without that dimension
    check: Callable[[np.ndarray, np.ndarray], None]  # checks predictions [member, example, width]
    calibrate: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    """(predictions, those of the same networks on validation examples, their targets) -> predictions recalibrated on
    these, each network [..., example, width] separately: classes by a temperature, a regression by one factor for all
    variances."""
    calibrated: Mapping[str, Score]  # scores of recalibrated predictions
    law: str  # name of the exact law of a score against size; "": none
    of_law: str  # the score that obeys it; if that is a root, its square does
    of_probabilities: bool = False  # whether averages are means of probabilities


def check_members(log_prob: np.ndarray, label: np.ndarray) -> None:
    """Check that predictions can be averaged over members.

    Raises:
        InputError: on wrong shapes, values or labels, and on NaN: an ensemble with such a member is meaningless.
    """
    check_log_prob(log_prob, "[member, example, class]", ndim=3)
    check_label(label, *log_prob.shape[1:])
    _refuse_nan(log_prob, "log_prob")


def check_gaussians(predictive: np.ndarray, target: np.ndarray) -> None:
    """`check_members` for means and log-variances."""
    check_predictive(predictive, target, 3)
    _refuse_nan(predictive, "the prediction")


def _refuse_nan(values: np.ndarray, name: str) -> None:
    broken = [member for member in range(len(values)) if np.isnan(values[member]).any()]
    if broken:
        raise InputError(f"{name} of members {broken} holds NaN; leave out members that diverged")


def at_best_temperature(log_prob: np.ndarray, validation: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Each network at the temperature with the lowest NLL on the validation examples, float64.

    Args:
        log_prob: log-probabilities, [..., example, class].
        validation: log-probabilities of the same networks on the validation examples, [..., example, class].
        label: of the validation examples, [example].
    """
    return rescale(log_prob, fit_temperature(validation, label))


def at_best_scale(predictive: np.ndarray, validation: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Each network with all variances multiplied by the factor with the lowest validation NLL, float64."""
    return scaled(predictive, scale_gaussian(gaussian(validation), target))


CLASSES = Scoring(
    scores=SCORES,
    averages=averages,
    combine=combine,
    check=check_members,
    calibrate=at_best_temperature,
    calibrated=CALIBRATED,
    law="brier_law",
    of_law="brier",
    of_probabilities=True,
)
NUMBERS = Scoring(
    scores=REGRESSION_SCORES,
    averages=mixtures,
    combine=combine_gaussians,
    check=check_gaussians,
    calibrate=at_best_scale,
    calibrated=CALIBRATED_NUMBERS,
    law="squared_error_law",
    of_law="rmse",
)
VOTES = replace(  # predicted classes only, as log 1 and log 0: averages are shares of votes, ties go to the first class
    CLASSES,
    scores={"accuracy": SCORES["accuracy"]},
    averages=partial(averages, votes=True),
    calibrated={},
    law="",
    of_law="",
)
MEANS = replace(NUMBERS, scores={"rmse": REGRESSION_SCORES["rmse"]}, calibrated={})  # predicted means only
