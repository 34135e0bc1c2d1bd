"""Pairwise comparison of given models: differences of scores, and overlap of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import rng
from modescape.analyses.given import THESE, compared, models_of, names_of, values_of
from modescape.analyses.requirements import left_out, predicted, predicted_labels, scoring_of, trained
from modescape.covers import THESE_MODELS
from modescape.functionspace import disagreement
from modescape.metrics.overlap import overlap, overlap_of
from modescape.metrics.pair_sums import MomentSums
from modescape.metrics.paired import Moments, differences, moments
from modescape.metrics.scores import Score, units_of
from modescape.offered import Offered, Predictions, read_in_blocks
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables

INTERVALS = (
    f"{THESE}, examples paired; those of all pairs at once, and adjusted p-values, by the largest of all statistics "
    "(max-t), one score at a time"
)
FIELDS = {  # of `modescape.metrics.paired.Differences` -> variable, units (None: the scores'), long name
    "value": ("difference", None, "score of the model minus the other model's"),
    "low": ("difference_low", None, "lower end of its 95 % interval, this pair alone"),
    "high": ("difference_high", None, "upper end of it"),
    "low_simultaneous": ("difference_low_all", None, "lower end of the 95 % intervals of all pairs at once"),
    "high_simultaneous": ("difference_high_all", None, "upper end of them"),
    "p": ("p_value", "1", "two-sided p-value of no difference, this pair alone"),
    "p_adjusted": ("p_adjusted", "1", "the same adjusted for all pairs"),
}
PAIR = ("model", "other_model")
OVERLAP = {
    "both_wrong": "share of examples on which both are wrong",
    "error_jaccard": "examples on which both are wrong over those on which either is",
    "error_kappa": "Cohen's kappa of being wrong: 0 as by chance, 1 on the same examples",
}


def measure(offered: Offered) -> xr.Dataset:
    """Paired differences of every two models, corrected for multiple comparisons, and the overlap of their errors.

    Of classes without groups predictions are read once, a block of examples at a time.

    Args:
        offered: predictions of test examples, models with names.

    Raises:
        NotEnough: if there are fewer than 2 models.

    Source: Dietterich 1998 (paired tests on one test set); `modescape.metrics.paired` says how intervals are made.
    """
    what = "the comparison of given models"
    members = trained(offered, 2, what)
    predictions, scoring = predicted(offered, "test", what), scoring_of(offered)
    key, models, metrics = rng.key(offered.seed, "model_pairs"), models_of(predictions), compared(scoring)
    if predictions.label.ndim > 1 or predictions.example_group is not None:
        found = {metric: moments(values_of(predictions, models, scoring, metric)) for metric in metrics}
        errors = _errors(predictions, models)
    else:
        found, errors = _in_one_pass(predictions, models, {metric: scoring.scores[metric] for metric in metrics})
    rows = [differences(found[metric], key, shares=scoring.scores[metric].percent) for metric in metrics]
    dims, units = ("metric", "model", "other_model"), units_of(metrics)
    names = names_of(offered)
    return make_result(
        {
            **{
                name: (dims, np.stack([getattr(row, field) for row in rows]), own or units, text)
                for field, (name, own, text) in FIELDS.items()
            },
            **errors,
        },
        {"model": names, "other_model": names, "metric": metrics},
        title="Paired differences of every two models",
        intervals=INTERVALS,
        covers=THESE_MODELS,
        provenance=offered.provenance(examples=len(predictions.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        pairs=len(models) * (len(models) - 1) // 2,
        unit=offered.unit,
        stream_key=key,
    )


def _in_one_pass(
    predictions: Predictions, models: list[int], scores: dict[str, Score]
) -> tuple[dict[str, Moments], Variables]:
    """Means and covariance of each score, and how far models' errors overlap, from blocks of examples.

    Scores are rounded to float32, as those in memory are (`values_of`).
    """
    sums, label = {metric: MomentSums() for metric in scores}, predictions.label
    differ = both = np.zeros((len(models), len(models)))
    for log_prob, own in read_in_blocks(predictions, models):
        for metric, score in scores.items():
            assert score.per_example is not None
            sums[metric].add(score.per_example(log_prob, own).astype(np.float32).astype(np.float64))
        said = log_prob.argmax(-1).astype(np.min_scalar_type(log_prob.shape[2] - 1))
        wrong = (said != own).astype(np.float64)
        differ, both = differ + np.rint(disagreement(said) * len(own)), both + wrong @ wrong.T
    return {metric: one.finish() for metric, one in sums.items()}, _stated(differ / len(label), both / len(label))


def _errors(predictions: Predictions, models: list[int]) -> Variables:
    """Agreement of models and overlap of their errors; for a regression the correlation of errors."""
    if predictions.label.ndim > 1:
        outputs = predictions.label.shape[1]
        error = [(predictions.log_prob(model)[:, :outputs] - predictions.label).ravel() for model in models]
        return {"error_correlation": (PAIR, np.corrcoef(np.stack(error)), "1", "correlation of their errors")}
    said = predicted_labels(predictions, models)
    return _stated(disagreement(said), overlap(said != predictions.label).both_wrong)


def _stated(differ: np.ndarray, both_wrong: np.ndarray) -> Variables:
    found = overlap_of(both_wrong)
    return {
        "disagreement": (PAIR, differ, "1", "share of examples with different predicted classes"),
        **{name: (PAIR, getattr(found, name), "1", text) for name, text in OVERLAP.items()},
    }
