"""Scores of each given model, of the averages of all and of each group, and of the best one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modescape import rng
from modescape.analyses.given import THESE, alone, compared, groups_of, models_of, names_of, together
from modescape.analyses.requirements import left_out, predicted, scoring_of, trained
from modescape.covers import THESE_MODELS
from modescape.metrics.choosing import factor_of, widened
from modescape.metrics.crossed import Estimate
from modescape.metrics.folds import folds
from modescape.metrics.grouping import count_units
from modescape.metrics.scores import units_of
from modescape.metrics.scoring import Scoring
from modescape.offered import Offered, Predictions
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables

ALL, BEST = "all models", "best alone"
INTERVALS = (
    f"{THESE}. That of the best alone is of the procedure: the model with the best score on one half of the examples, "
    "scored on the other, both ways, mean over random halves; it is wider, as halves choose for each other"
)


class Each(NamedTuple):
    """Scores of the individual models."""

    score: np.ndarray  # [model, metric]
    low: np.ndarray  # 95 % interval, these models on new examples
    high: np.ndarray
    mean: dict[str, Estimate]  # of the mean model of each ensemble
    on_part: np.ndarray  # score on each half of each split, [split, half, model, metric]


def measure(offered: Offered, *, splits: int = 5) -> xr.Dataset:
    """Scores of every model, of all averaged, of each group averaged, and of the best one alone, with intervals.

    The best alone is no model but a procedure: the model is chosen on one half of the examples and scored on the other,
    both ways. On the examples that chose it, its score would be optimistic. Every score chooses for itself; the
    calibration error, which is no mean over examples, chooses none.

    Args:
        offered: predictions of test examples, models with names and groups.
        splits: random halves that the best alone is averaged over.

    Raises:
        NotEnough: if there is no model, or there are no two examples.
    """
    what = "the scores of given models"
    members = trained(offered, 1, what)
    predictions, scoring = predicted(offered, "test", what), scoring_of(offered)
    key, models = rng.key(offered.seed, "model_scores"), models_of(predictions)
    units = count_units(predictions.example_group, len(predictions.label))
    halves = np.stack([folds(units, 2, key, split) for split in range(splits if units > 1 else 0)] or [np.zeros(units)])
    own = {name: places for name, places in groups_of(offered).items() if 1 < len(places) < len(models)}
    averaged = {ALL: list(range(len(models))), **own}
    each = _each(predictions, models, scoring, halves, averaged)
    best, chosen = _best_alone(predictions, models, scoring, halves, each)
    ensembles = {
        name: together(predictions, [models[place] for place in places], scoring) for name, places in averaged.items()
    }
    return make_result(
        {
            **_of_models(each, chosen, scoring),
            **_of_ensembles(ensembles, best, each.mean, scoring),
            "networks": (("approach",), np.array([*map(len, averaged.values()), 1]), "1", "models that are averaged"),
        },
        {"model": names_of(offered), "approach": [*ensembles, BEST], "metric": list(scoring.scores)},
        title="Scores of each model, of their averages, and of the best alone",
        intervals=INTERVALS,
        covers=THESE_MODELS,
        provenance=offered.provenance(examples=len(predictions.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        splits=splits,
        unit=offered.unit,
        stream_key=key,
    )


def _each(
    predictions: Predictions, models: list[int], scoring: Scoring, halves: np.ndarray, averaged: dict[str, list[int]]
) -> Each:
    """Scores of the models, one in memory at a time, and their means over those that are averaged."""
    rows, parts = [], []
    mean: dict[str, Estimate] = {}
    for place, model in enumerate(models):
        found = alone(predictions, model, scoring)
        rows.append(np.stack([found.score, *found.these()]))
        with np.errstate(invalid="ignore"):  # infinite scores
            parts.append([[found.example[:, half == side].mean(1) for side in (0, 1)] for half in halves])
        for name, places in averaged.items():
            if place in places:
                share = replace(found, score=found.score / len(places), example=found.example / len(places))
                mean[name] = _sum(mean[name], share) if name in mean else share
    score, low, high = np.stack(rows, 1)
    return Each(score, low, high, mean, np.moveaxis(np.array(parts), 0, 2))


def _sum(one: Estimate, other: Estimate) -> Estimate:
    with np.errstate(invalid="ignore"):  # infinite scores
        return replace(one, score=one.score + other.score, example=one.example + other.example)


def _best_alone(
    predictions: Predictions, models: list[int], scoring: Scoring, halves: np.ndarray, each: Each
) -> tuple[Estimate, np.ndarray]:
    """The score of the model that is best on the other half, and how often each model is, [model, metric]."""
    names = list(scoring.scores)
    count, metrics = len(models), [names.index(name) for name in compared(scoring)]
    example = np.full(each.mean[ALL].example.shape, np.nan)
    example[metrics] = 0.0
    chosen = np.zeros((count, len(names)))
    chosen[:, [at for at in range(len(names)) if at not in metrics]] = np.nan
    users: dict[int, list[tuple[int, np.ndarray]]] = {}  # model -> metric, examples that it is scored on
    for split, half in enumerate(halves):
        for side in (0, 1):
            for metric in metrics:
                of_models = each.on_part[split, side, :, metric]
                better = scoring.scores[names[metric]].higher_is_better
                best = int(np.nanargmax(of_models) if better else np.nanargmin(of_models))
                chosen[best, metric] += 1 / len(halves) / 2
                users.setdefault(best, []).append((metric, half != side))
    for best, uses in users.items():
        own = alone(predictions, models[best], scoring)
        for metric, there in uses:
            example[metric, there] += own.example[metric, there] / len(halves)
    wide = widened(example, [each.mean[ALL].example], factor_of(2, len(halves)))
    return Estimate(example.mean(1), wide, None, scores=scoring.scores), chosen


def _of_models(each: Each, chosen: np.ndarray, scoring: Scoring) -> Variables:
    dims, units = ("model", "metric"), units_of(scoring.scores)
    return {
        "score": (dims, each.score, units, "score of the model"),
        "score_low": (dims, each.low, units, "lower end of its 95 % interval"),
        "score_high": (dims, each.high, units, "upper end of its 95 % interval"),
        "chosen": (dims, chosen, "1", "share of halves of the examples on which it is the best by that score"),
    }


def _of_ensembles(
    ensembles: dict[str, Estimate], best: Estimate, mean: dict[str, Estimate], scoring: Scoring
) -> Variables:
    """Scores of the averages and of the best model, and their gain over the mean model and the best model."""
    dims, units = ("approach", "metric"), units_of(scoring.scores)
    gains = [one.gain(mean[name]) for name, one in ensembles.items()]
    nothing = (np.where(np.isnan(best.score), np.nan, 0.0), *np.full((2, len(best.score)), np.nan))
    found = {
        "together": ([_with_ends(one) for one in [*ensembles.values(), best]], "score"),
        "gain": ([_with_ends(one) for one in [*gains, best.minus(mean[ALL])]], "score minus that of its mean model"),
        "over_best": (
            [*(_with_ends(one.minus(best)) for one in ensembles.values()), nothing],
            "score minus that of the best alone",
        ),
    }
    out: Variables = {}
    for name, (rows, text) in found.items():
        value, low, high = np.moveaxis(np.array(rows), 1, 0)
        out[name] = (dims, value, units, text)
        out[f"{name}_low"] = (dims, low, units, "lower end of its 95 % interval")
        out[f"{name}_high"] = (dims, high, units, "upper end of its 95 % interval")
    return out


def _with_ends(estimate: Estimate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return estimate.score, *estimate.these()
