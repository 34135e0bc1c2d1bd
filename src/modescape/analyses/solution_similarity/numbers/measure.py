"""Similarity of independent networks of a regression, compared with snapshots of one run: weights and predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.pairs import compare_means, pair_mean
from modescape.analyses.requirements import left_out, predicted, snapshots_of, trained
from modescape.analyses.solution_similarity.measure import solution_cosines
from modescape.covers import new_if
from modescape.metrics.gaussians import gaussian
from modescape.offered import INDEPENDENT, Offered, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

WHAT = "the similarity of solutions"
MATRICES = {  # metric -> units, long name
    "prediction_distance": ("unit of the target", "root mean square distance of the predicted means"),
    "normalized_distance": ("1", "that distance over the root mean squared error of the two"),
    "cosine": ("1", "cosine of the weights"),
    "cosine_without_batch_norm": ("1", "cosine of the weights without normalisation layers"),
}
INTERVALS = (
    "95 %, of means over pairs: new members on new examples (cosines: new networks); Student's t with Satterthwaite's "
    "degrees of freedom on the variance over test examples (roots and the ratio linearised) and that between networks; "
    "with 2 members, test examples alone for the distances and no interval for cosines"
)


def measure(offered: Offered, *, snapshots: int = 10) -> xr.Dataset:
    """Cosine and distance of the last checkpoints, member against member, and the snapshots' counterparts.

    The distance takes the part of disagreement; over the error it is 0 for equal predictions and sqrt(2) for
    networks whose errors are uncorrelated.

    Args:
        offered: predictions of test examples; checkpoints for the cosines.
        snapshots: last kept epochs of a run that are compared, at most.

    Raises:
        NotEnough: if fewer than 2 members are trained.
    """
    members = trained(offered, 2, WHAT)
    test = predicted(offered, "test", WHAT)
    mean = gaussian(stacked(test, test.groups[INDEPENDENT])).mean
    pairs = compare_means(mean, test.label, test.example_group)
    cosines = solution_cosines(offered.checkpoints, members)
    values = dict(zip(MATRICES, (pairs.different, pairs.normalized, *cosines), strict=True))
    parts = [(pairs.example[at], None if pairs.influence is None else pairs.influence[at]) for at in (0, 1)]
    means = np.array(
        [pair_mean(one, *own) for one, own in zip(values.values(), [*parts, (None, None), (None, None)], strict=True)]
    )
    within = [_within(gaussian(stacked(test, models)).mean) for models in snapshots_of(test, snapshots)]
    ends = {
        "pair_mean": "mean over pairs",
        "pair_low": "lower end of its 95 % interval",
        "pair_high": "upper end of it",
    }
    return make_result(
        {
            **{name: (("member", "other_member"), values[name], *about) for name, about in MATRICES.items()},
            "rmse": (("member",), pairs.quality, "unit of the target", "root mean squared error"),
            **{name: (("metric",), means[:, at], "1", text) for at, (name, text) in enumerate(ends.items())},
            "last_epochs_distance": (
                ("member",),
                np.array(within),
                "unit of the target",
                "mean distance over pairs of the member's last epochs",
            ),
        },
        {"member": members, "other_member": members, "metric": list(values)},
        title="Similarity of independent solutions",
        intervals=INTERVALS,
        covers=new_if(len(members) - 1),
        provenance=offered.provenance(examples=len(test.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        snapshots=snapshots,
    )


def _within(mean: np.ndarray) -> float:
    """Mean distance over pairs of models [model, example, output]; NaN of one."""
    pairs = [np.sqrt(np.square(mean[i] - mean[j]).mean()) for i, j in zip(*np.triu_indices(len(mean), 1), strict=True)]
    return float(np.mean(pairs)) if pairs else float("nan")
