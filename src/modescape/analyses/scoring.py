"""Scores of runs, or of subsets of members, with intervals for new members and for these."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modescape.metrics.crossed import Estimate, size_estimates, size_masks
from modescape.metrics.scoring import CLASSES, Scoring

INTERVALS_OF_MEANS = (
    "95 %, for new members on new examples: Student's t with Satterthwaite's degrees of freedom on the "
    "variance over test examples and that between runs (of subsets: between members) without what the same examples "
    "made of it; a single run: test examples alone. The narrower ones, in the data, are for these members on new "
    "examples"
)
INTERVALS_OF_RUNS = (
    f"{INTERVALS_OF_MEANS}. Those of the calibration error are of what test sets of this size show on average"
)
MOST_SUBSETS = 100


class Scored(NamedTuple):
    """A score with its intervals; [metric] each, metrics as in `SCORES`."""

    mean: np.ndarray
    low: np.ndarray  # new members on new examples
    high: np.ndarray
    low_these: np.ndarray  # these members on new examples
    high_these: np.ndarray


def scored(estimate: Estimate) -> Scored:
    """An estimate with both intervals."""
    return Scored(estimate.score, *estimate.new(), *estimate.these())


def runs_estimate(log_prob: np.ndarray, label: np.ndarray, group: np.ndarray | None = None) -> Estimate:
    """Mean score of runs, each a network or an ensemble of its own; differences of two are paired in both.

    Args:
        log_prob: [run, example, class].
        label: [example].
        group: of each example (`modescape.arrays.group_codes`).
    """
    return size_estimate(log_prob, label, 1, group=group)


def size_estimate(
    log_prob: np.ndarray, label: np.ndarray, size: int, scoring: Scoring = CLASSES, group: np.ndarray | None = None
) -> Estimate:
    """Mean score of ensembles of ``size`` members over subsets of them; arguments as `runs_estimate`, or of a task."""
    masks = size_masks(len(log_prob), [size], MOST_SUBSETS, key=0)
    return dict(size_estimates(log_prob, label, masks, scoring, group))[size]


def score_subsets(
    log_prob: np.ndarray, label: np.ndarray, size: int, scoring: Scoring = CLASSES, group: np.ndarray | None = None
) -> Scored:
    """`size_estimate` with its intervals."""
    return scored(size_estimate(log_prob, label, size, scoring, group))
