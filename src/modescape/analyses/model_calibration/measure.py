"""Calibration of given models, alone and averaged, and the effect of temperatures fitted on the other half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import rng
from modescape.analyses.given import THESE, mean_log_prob, models_of, names_of, scored
from modescape.analyses.requirements import enough_units, left_out, predicted, scoring_of, trained
from modescape.covers import THESE_MODELS
from modescape.metrics.grouping import count_units
from modescape.metrics.reliability import reliability
from modescape.metrics.scores import units_of
from modescape.metrics.scoring import Scoring
from modescape.metrics.temperature import calibrated_by_halves
from modescape.offered import Offered, Predictions
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables

TOGETHER, AFTERWARDS, BEFOREHAND = "all models", "all models, average calibrated", "all models, each calibrated"
BINS = 15
INTERVALS = f"{THESE}, temperatures held; the change is paired over examples"
CHANGED = {  # variable -> long name
    "before": "score as given",
    "after": "score at the temperature fitted on the other half",
    "change": "score after minus before",
}


def measure(offered: Offered) -> xr.Dataset:
    """Scores of every model, and of all together, as they are and after a temperature was fitted.

    There are no other examples: each half of the test examples is scored at the temperature of the other. Together:
    the average, calibrated as one, and the average of models that were calibrated one by one.

    Args:
        offered: predictions of test examples, models with names.

    Raises:
        NotEnough: if there is no model, or there are fewer than 2 examples, or groups of them.

    Source: Guo et al. 2017, arXiv 1706.04599; Rahaman and Thiery 2021, arXiv 2007.08792 (average, then calibrate).
    """
    what = "the calibration of given models"
    members = trained(offered, 1, what)
    predictions, scoring = predicted(offered, "test", what), scoring_of(offered)
    enough_units(offered, count_units(predictions.example_group, len(predictions.label)), 2, what)
    key = rng.key(offered.seed, "model_calibration")
    models = models_of(predictions)
    rows, temperatures, each = _models(predictions, models, scoring, key)
    average = mean_log_prob(predictions, models)
    afterwards, _ = calibrated_by_halves(average, predictions.label, key, predictions.example_group)
    every = {TOGETHER: average, AFTERWARDS: afterwards, BEFOREHAND: each}
    return make_result(
        {
            **_of_models(rows, temperatures, scoring),
            **_of_averages(predictions, every, scoring),
        },
        {"model": names_of(offered), "approach": list(every), "metric": list(scoring.scores), "x": np.arange(BINS)},
        title="Calibration of given models",
        intervals=INTERVALS,
        covers=THESE_MODELS,
        provenance=offered.provenance(examples=len(predictions.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        unit=offered.unit,
        stream_key=key,
    )


def _models(
    predictions: Predictions, models: list[int], scoring: Scoring, key: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores [model, value, metric], temperatures [model], log of the mean of calibrated probabilities."""
    rows, temperatures = [], []
    total = np.zeros((len(predictions.label), len(predictions.class_names)))
    for model in models:
        log_prob = predictions.log_prob(model)
        tempered, own = calibrated_by_halves(log_prob, predictions.label, key, predictions.example_group)
        before, after = (scored(one[None], predictions, scoring) for one in (log_prob, tempered))
        change = after.minus(before)
        rows.append([value for one in (before, after, change) for value in (one.score, *one.these())])
        temperatures.append(np.exp(np.log(own).mean()))
        total += np.exp(tempered, out=tempered)
    with np.errstate(divide="ignore"):
        each = np.minimum(np.log(total / len(models)), 0.0)
    return np.array(rows), np.array(temperatures), each


def _of_models(rows: np.ndarray, temperatures: np.ndarray, scoring: Scoring) -> Variables:
    dims, units = ("model", "metric"), units_of(scoring.scores)
    out: Variables = {"temperature": (("model",), temperatures, "1", "geometric mean of those of both halves")}
    for at, (name, text) in enumerate(CHANGED.items()):
        out[name] = (dims, rows[:, 3 * at], units, text)
        out[f"{name}_low"] = (dims, rows[:, 3 * at + 1], units, "lower end of its 95 % interval")
        out[f"{name}_high"] = (dims, rows[:, 3 * at + 2], units, "upper end of it")
    return out


def _of_averages(predictions: Predictions, every: dict[str, np.ndarray], scoring: Scoring) -> Variables:
    found = [scored(one[None], predictions, scoring) for one in every.values()]
    bins = [reliability(one[None], predictions.label, BINS) for one in every.values()]
    dims, units = ("approach", "metric"), units_of(scoring.scores)
    change = [one.minus(found[0]) for one in found]
    out: Variables = {}
    for name, rows, text in (
        ("together", found, "score of the average"),
        ("together_change", change, "its score minus that of the average as given"),
    ):
        value, low, high = np.moveaxis(np.array([(one.score, *one.these()) for one in rows]), 1, 0)
        if rows is change:
            low[0], high[0] = np.nan, np.nan  # with itself
        out[name] = (dims, value, units, text)
        out[f"{name}_low"] = (dims, low, units, "lower end of its 95 % interval")
        out[f"{name}_high"] = (dims, high, units, "upper end of it")
    curve = ("approach", "x")
    for name, text in (
        ("confidence", "mean confidence in the bin"),
        ("accuracy", "share that is right in the bin"),
        ("share", "share of examples in the bin"),
    ):
        out[name] = (curve, np.stack([getattr(one, name)[0] for one in bins]), "1", text)
    return out
