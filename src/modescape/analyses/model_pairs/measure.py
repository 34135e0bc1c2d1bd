"""Which of two given models is better, for every two of them, and how far they err on the same examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import rng
from modescape.analyses.given import THESE, compared, models_of, names_of, values_of
from modescape.analyses.requirements import left_out, predicted, predicted_labels, scoring_of, trained
from modescape.functionspace import disagreement
from modescape.metrics.overlap import overlap
from modescape.metrics.paired import differences, moments
from modescape.metrics.scores import units_of
from modescape.offered import Offered, Predictions
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
OVERLAP = {
    "both_wrong": "share of examples on which both are wrong",
    "error_jaccard": "examples on which both are wrong over those on which either is",
    "error_kappa": "Cohen's kappa of being wrong: 0 as by chance, 1 on the same examples",
}


def measure(offered: Offered) -> xr.Dataset:
    """Paired differences of every two models, corrected for how many there are, and the overlap of their errors.

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
    rows = []
    for metric in metrics:
        values = values_of(predictions, models, scoring, metric)
        rows.append(differences(moments(values), key, shares=scoring.scores[metric].percent))
    dims, units = ("metric", "model", "other_model"), units_of(metrics)
    names = names_of(offered)
    return make_result(
        {
            **{
                name: (dims, np.stack([getattr(row, field) for row in rows]), own or units, text)
                for field, (name, own, text) in FIELDS.items()
            },
            **_errors(predictions, models),
        },
        {"model": names, "other_model": names, "metric": metrics},
        title="Paired differences of every two models",
        intervals=INTERVALS,
        provenance=offered.provenance(examples=len(predictions.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        pairs=len(models) * (len(models) - 1) // 2,
        unit=offered.unit,
        stream_key=key,
    )


def _errors(predictions: Predictions, models: list[int]) -> Variables:
    """How far models say the same and err together; of a regression how far errors go together."""
    dims = ("model", "other_model")
    if predictions.label.ndim > 1:
        outputs = predictions.label.shape[1]
        error = [(predictions.log_prob(model)[:, :outputs] - predictions.label).ravel() for model in models]
        return {"error_correlation": (dims, np.corrcoef(np.stack(error)), "1", "correlation of their errors")}
    said = predicted_labels(predictions, models)
    differ = disagreement(said)
    found = overlap(said != predictions.label)
    return {
        "disagreement": (dims, differ, "1", "share of examples with different predicted classes"),
        **{name: (dims, getattr(found, name), "1", text) for name, text in OVERLAP.items()},
    }
