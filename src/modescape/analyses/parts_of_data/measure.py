"""Scores of given models on each part of the data, alone and averaged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.given import THESE, mean_log_prob, models_of, names_of
from modescape.analyses.requirements import left_out, predicted, scoring_of, trained
from modescape.arrays import group_codes
from modescape.covers import THESE_MODELS
from modescape.errors import NotEnough
from modescape.metrics.crossed import Estimate, subset_estimate
from modescape.metrics.scores import units_of
from modescape.metrics.scoring import Scoring
from modescape.offered import Offered, Predictions, stacked
from modescape.plots.style import one_line, unique
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables

INTERVALS = f"{THESE} of the part, each part by itself; there are many, so that one or the other may lie out by chance"


@dataclass(frozen=True)
class OnePart:
    """Examples of one part."""

    place: np.ndarray
    label: np.ndarray
    group: np.ndarray | None

    def scored(self, values: np.ndarray, scoring: Scoring) -> Estimate:
        """Scores of the average of models, [model, all examples, width]."""
        whole = np.ones((1, len(values)), dtype=bool)
        return subset_estimate(values[:, self.place], self.label, whole, None, scoring, self.group)


def measure(offered: Offered, *, parts: int = 40) -> xr.Dataset:
    """Scores of every model, of the mean model and of all averaged on each part, and the gain of averaging there.

    Args:
        offered: predictions of test examples, each of which belongs to one part.
        parts: used, at most; the largest.

    Raises:
        NotEnough: if there is no model, or the examples have no parts.
    """
    what = "the scores on parts of the data"
    members = trained(offered, 1, what)
    predictions, scoring = predicted(offered, "test", what), scoring_of(offered)
    if "test" not in offered.example_parts:
        raise NotEnough(f"{what} need to know which part each test example belongs to; {offered.named} does not say")
    found, left = _parts(predictions, np.asarray(offered.example_parts["test"]), parts)
    models = models_of(predictions)
    score, single = _models(predictions, models, found, scoring)
    together = _together(predictions, models, found, scoring)
    gains = [one.gain(alone) for one, alone in zip(together, single, strict=True)]
    dims, units = ("part", "metric"), units_of(scoring.scores)
    variables: Variables = {
        "score": (("part", "model", "metric"), score, units, "score of the model"),
        "examples": (
            ("part",),
            np.array([len(one.place) for one in found.values()]),
            "examples",
            "examples of the part",
        ),
    }
    for name, rows, text in (
        ("single", single, "mean score of the models"),
        ("together", together, "score of all models averaged"),
        ("gain", gains, "score of all averaged minus that of the mean model"),
    ):
        value, low, high = np.moveaxis(np.array([(one.score, *one.these()) for one in rows]), 1, 0)
        variables[name] = (dims, value, units, text)
        variables[f"{name}_low"] = (dims, low, units, "lower end of its 95 % interval")
        variables[f"{name}_high"] = (dims, high, units, "upper end of it")
    return make_result(
        variables,
        {
            "part": unique([one_line(name) for name in found]),
            "model": names_of(offered),
            "metric": list(scoring.scores),
        },
        title="Scores on each part of the data",
        intervals=INTERVALS,
        covers=THESE_MODELS,
        provenance=offered.provenance(examples=len(predictions.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        parts_left_out=left,
        unit=offered.unit,
    )


def _parts(predictions: Predictions, part: np.ndarray, most: int) -> tuple[dict[str, OnePart], int]:
    """The largest parts in the order of their names, and how many others there are."""
    names, number, count = np.unique(part.astype(str), return_inverse=True, return_counts=True)
    kept = np.sort(np.argsort(-count, kind="stable")[:most])
    found = {}
    for at in kept:
        place = np.flatnonzero(number == at)
        own = None if predictions.example_group is None else group_codes(predictions.example_group[place], len(place))
        found[str(names[at])] = OnePart(place, predictions.label[place], own)
    return found, len(names) - len(kept)


def _models(
    predictions: Predictions, models: list[int], found: dict[str, OnePart], scoring: Scoring
) -> tuple[np.ndarray, list[Estimate]]:
    """Scores [part, model, metric], and the mean model's on each part."""
    score = np.empty((len(found), len(models), len(scoring.scores)))
    mean: list[Estimate | None] = [None] * len(found)
    for row, model in enumerate(models):
        values = predictions.log_prob(model)[None]
        for at, part in enumerate(found.values()):
            own = part.scored(values, scoring)
            score[at, row] = own.score
            share = replace(own, score=own.score / len(models), example=own.example / len(models))
            before = mean[at]
            mean[at] = (
                share
                if before is None
                else replace(before, score=before.score + share.score, example=before.example + share.example)
            )
    return score, [one for one in mean if one is not None]


def _together(
    predictions: Predictions, models: list[int], found: dict[str, OnePart], scoring: Scoring
) -> list[Estimate]:
    numbers = predictions.label.ndim > 1
    values = stacked(predictions, models) if numbers else mean_log_prob(predictions, models)[None]
    return [part.scored(values, scoring) for part in found.values()]
