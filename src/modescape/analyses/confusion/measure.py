"""Which classes are confused: by one member, by the mean member, by the ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.requirements import left_out, predicted, trained
from modescape.offered import INDEPENDENT, Offered
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


def measure(offered: Offered) -> xr.Dataset:
    """Counts of test examples by true and predicted class, at the last checkpoints.

    "mean member" is the mean of the members' counts; "ensemble" predicts by the mean of their probabilities.
    One model's predictions and their running sum are in memory.

    Raises:
        NotEnough: if no member is trained.
    """
    members = trained(offered, 1, "the confusion of classes")
    predictions = predicted(offered, "test", "the confusion of classes")
    names, label = predictions.class_names, predictions.label
    total = np.zeros((len(label), len(names)))
    counts = []
    for model in predictions.groups[INDEPENDENT]:
        log_prob = predictions.log_prob(model)
        counts.append(_count(label, log_prob.argmax(-1), len(names)))
        total += np.exp(log_prob.astype(np.float64))
    count = np.stack([counts[0], np.mean(counts, axis=0), _count(label, total.argmax(-1), len(names))])
    one, mean, together = f"member {members[0]}", "mean member", "ensemble"
    if offered.given:
        one, mean = str(offered.names[0]), "mean network"
    return make_result(
        {
            "count": (("approach", "class", "predicted_class"), count, "examples", "test examples"),
            "accuracy": (("approach",), np.einsum("mcc->m", count) / len(label), "1", "accuracy"),
        },
        {"approach": [one, mean, together], "class": names, "predicted_class": names},
        title="Which classes are confused",
        intervals="none",
        provenance=offered.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
    )


def _count(label: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Confusion counts, float64 [class, predicted class]."""
    pairs = np.bincount(label * classes + predicted, minlength=classes * classes)
    return pairs.reshape(classes, classes).astype(np.float64)
