"""Shared by analyses of given models: their names, and scores of each and of ensembles, one model at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from modescape.metrics.crossed import Estimate, subset_estimate
from modescape.metrics.grouping import by_group, count_units
from modescape.metrics.scoring import Scoring
from modescape.offered import INDEPENDENT, Offered, Predictions, stacked
from modescape.plots.style import one_line, unique

THESE = "95 %, these models on new examples"
NEW = "95 %, new runs on new examples"


def models_of(predictions: Predictions) -> list[int]:
    """The models to compare, in the given order."""
    return [int(model) for model in predictions.groups[INDEPENDENT]]


def names_of(offered: Offered) -> list[str]:
    """Their names; the numbers of members where they have none."""
    names = [one_line(name) for name in offered.names or offered.members]
    return unique(names)


def groups_of(offered: Offered) -> dict[str, list[int]]:
    """Name of a group -> indices of its models; names are made one line each, and distinct."""
    names = unique([one_line(name) for name in offered.name_groups])
    return {
        name: [int(place) for place in places] for name, places in zip(names, offered.name_groups.values(), strict=True)
    }


def alone(predictions: Predictions, model: int, scoring: Scoring) -> Estimate:
    """Scores of one model: means, and per example (or group of examples)."""
    return scored(predictions.log_prob(model)[None], predictions, scoring)


def together(predictions: Predictions, models: Sequence[int], scoring: Scoring) -> Estimate:
    """Scores of the ensemble of several models; for classes one model is in memory at a time."""
    if predictions.label.ndim > 1:  # the mixture of a regression's predictions holds all of them
        return scored(stacked(predictions, models), predictions, scoring)
    return scored(mean_log_prob(predictions, models)[None], predictions, scoring)


def scored(values: np.ndarray, predictions: Predictions, scoring: Scoring) -> Estimate:
    """Scores of the average of log-probabilities [model, example, class] on all examples of these predictions."""
    whole = np.ones((1, len(values)), dtype=bool)
    return subset_estimate(values, predictions.label, whole, None, scoring, predictions.example_group)


def mean_log_prob(predictions: Predictions, models: Sequence[int], examples: np.ndarray | None = None) -> np.ndarray:
    """Log of the mean probability of several models, float64 [example, class]; one model in memory at a time.

    Args:
        predictions: of classes.
        models: which.
        examples: places of those that are wanted; None: all.
    """
    wanted = slice(None) if examples is None else examples
    label = predictions.label[wanted]
    at = np.arange(label.size)
    total = np.zeros((label.size, len(predictions.class_names)))
    of_label = np.full(label.size, -np.inf)  # by itself, as it may be too small for a float
    for model in models:
        log_prob = predictions.log_prob(model)[wanted].astype(np.float64)
        of_label = np.logaddexp(of_label, log_prob[at, label])
        np.exp(log_prob, out=log_prob)
        total += log_prob
    with np.errstate(divide="ignore"):
        out = np.log(total, out=total)
    lost = out[at, label] < of_label - 1e-6
    out[at[lost], label[lost]] = of_label[lost]
    return np.minimum(out - np.log(len(models)), 0.0)


def values_of(predictions: Predictions, models: Sequence[int], scoring: Scoring, metric: str) -> np.ndarray:
    """One score of every model on each example (or group of examples), [model, example].

    Truth values of a share of right answers, where examples have no groups; else float32. A hundred models of a million
    examples are 100 and 400 MB.
    """
    score, group = scoring.scores[metric], predictions.example_group
    only = replace(scoring, scores={metric: score})
    units = count_units(group, len(predictions.label))
    kind = bool if score.percent and group is None else np.float32
    out = np.empty((len(models), units), dtype=kind)
    for row, model in enumerate(models):
        log_prob = predictions.log_prob(model)
        if score.per_example is None:
            out[row] = scored(log_prob[None], predictions, only).example[0]
        else:
            out[row] = by_group(score.per_example(log_prob, predictions.label), group)
    return out


def compared(scoring: Scoring) -> list[str]:
    """Scores that models are compared in: means over examples, and the root of one of a regression."""
    return [name for name, one in scoring.scores.items() if one.per_example is not None or name == "rmse"]
