"""Scores of several runs, or of subsets of members, each with one interval for networks and test images together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modescape.analyses.intervals import sampling_interval
from modescape.metrics import METRICS, example_scores
from modescape.metrics.intervals import delete_one_means, jackknife_variance, normal_interval
from modescape.metrics.subsets import EXAMPLE_METRICS, subset_scores, subsets

INTERVALS_OF_RUNS = (
    "95 %; Student's t on the sum of the variance between runs (of subsets of members: a delete-one-member jackknife) "
    "and that of resampling test examples (in closed form; ece: between runs alone); a single run or all members at "
    "once: test sampling alone (none for ece)"
)
MOST_SUBSETS = 100


class Scored(NamedTuple):
    """A score with its interval; [metric] each, metrics as in `METRICS`."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def score_runs(log_prob: np.ndarray, label: np.ndarray) -> Scored:
    """Mean score of runs, each a network or an ensemble of its own.

    Args:
        log_prob: [run, example, class].
        label: [example].
    """
    scores, example = scores_of(log_prob, label)
    runs = len(log_prob)
    return interval(scores, example, scores.var(1, ddof=1) / runs if runs > 1 else None)


def scores_of(log_prob: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores of every run, [metric, run], and of every example, mean over runs, [example metric, example]."""
    scores = np.stack([np.asarray(metric.function(log_prob, label)) for metric in METRICS.values()])
    found = example_scores(log_prob, label)
    return scores, np.stack([found[name].mean(0) for name in EXAMPLE_METRICS])


def score_subsets(log_prob: np.ndarray, label: np.ndarray, size: int) -> Scored:
    """Mean score of ensembles of ``size`` members over subsets of them; arguments as `score_runs`."""
    if size == 1:
        return score_runs(log_prob, label)
    masks = subsets(len(log_prob), size, max(MOST_SUBSETS, len(log_prob)))
    found = subset_scores(log_prob, label, masks)
    scores = np.stack([found.score[name] for name in METRICS])
    example = np.stack([found.example[name] for name in EXAMPLE_METRICS])
    between = jackknife_variance(delete_one_means(scores, masks)) if size < len(log_prob) else None
    return interval(scores, example, between, len(log_prob))


def interval(scores: np.ndarray, example: np.ndarray, between: np.ndarray | None, runs: int | None = None) -> Scored:
    """Mean over runs and its interval (`INTERVALS_OF_RUNS`).

    Args:
        scores: [metric, run].
        example: scores of each example, mean over runs, of the metrics that are means over examples, which come
            first, [example metric, example].
        between: variance of the mean through the choice of runs, [metric]; None where it is not known.
        runs: behind that variance; default those of ``scores``.
    """
    mean = scores.mean(1)
    test = np.full(len(mean), np.nan if between is None else 0.0)
    with np.errstate(invalid="ignore"):  # an infinite NLL has no interval
        test[: len(example)] = example.var(1) / example.shape[1]
        if between is None:
            return Scored(mean, *sampling_interval(mean, test))
        return Scored(mean, *normal_interval(mean, between + test, runs or scores.shape[1]))
