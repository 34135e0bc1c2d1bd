"""Similarity of the checkpoints of one run, in weights and in predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.likeness import CLASSES, LIKENESS, Likeness
from modescape.analyses.requirements import left_out, predicted_labels, trajectories, weights_of
from modescape.analyses.weights import cosines, displacement_cosines
from modescape.functionspace.distances import distances_over_error
from modescape.offered import Offered, Predictions, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


DISPLACEMENT = "cosine of what the weights have moved from the start that all members share; NaN where nothing has"


def measure(offered: Offered) -> xr.Dataset:
    """Cosine of the weights and disagreement of the predicted labels, epoch against epoch, for each trajectory.

    For a regression the distance of the predicted means, and the same over the error of the two.

    One member's weights [epoch, parameter] are in memory at a time, and one checkpoint's predictions.

    Raises:
        NotEnough: if no trained member keeps every epoch.

    Source: Fort et al. 2019, arXiv 1912.02757, figures 2a and 2b.
    """
    what = "the similarity along a trajectory"
    predictions, along = trajectories(offered, "test", what)
    checkpoints, members = weights_of(offered, what), list(along)
    epochs = checkpoints.steps(members[0])
    likeness = LIKENESS[offered.task]
    everything, without, different, moved = [], [], [], []
    for member, models in along.items():
        which = [(member, epoch) for epoch in epochs]
        both = cosines(checkpoints, which)
        everything.append(both[0])
        without.append(both[1])
        own = displacement_cosines(checkpoints, which, offered.training.start) if offered.training.start else None
        moved += [] if own is None else [own]
        different.append(_different(predictions, models, likeness))
    dims = ("member", "epoch", "other_epoch")
    return make_result(
        {
            "cosine": (dims, np.stack(everything), "1", "cosine of the weights"),
            "cosine_without_batch_norm": (
                dims,
                np.stack(without),
                "1",
                "cosine of the weights without normalisation layers",
            ),
            **{
                one.name: (dims, np.stack([own[one.name] for own in different]), one.units, one.long_name)
                for one in (likeness.difference, likeness.normalized)
                if one.name in different[0]
            },
            **({"displacement_cosine": (dims, np.stack(moved), "1", DISPLACEMENT)} if moved else {}),
        },
        {"member": members, "epoch": epochs, "other_epoch": epochs},
        title="Similarity of the checkpoints of one run",
        intervals="none",
        provenance=offered.provenance(examples=len(predictions.label), members=len(members), repeats=1),
        left_out=left_out(offered, trajectories_alone=True),
        split="test",
    )


def _different(predictions: Predictions, models: list[int], likeness: Likeness) -> dict[str, np.ndarray]:
    """Differences between the predictions of a run's checkpoints: name of the quantity -> [epoch, epoch]."""
    if likeness is CLASSES:  # of which one model's predictions are in memory at a time
        return {likeness.difference.name: likeness.between(predicted_labels(predictions, models))}
    said = likeness.said(stacked(predictions, models))
    apart = likeness.between(said)
    return {
        likeness.difference.name: apart,
        likeness.normalized.name: distances_over_error(apart, said, predictions.label),
    }
