"""How alike independent networks of a regression are, beside the snapshots of one run: weights and predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.pairs import pair_mean
from modescape.analyses.requirements import left_out, predicted, snapshots_of, trained
from modescape.analyses.solution_similarity.measure import solution_cosines
from modescape.metrics.gaussians import gaussian
from modescape.metrics.grouping import by_group
from modescape.offered import INDEPENDENT, Offered, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

WHAT = "the similarity of solutions"
MATRICES = {  # metric -> units, long name
    "distance": ("unit of the target", "root mean square distance of the predicted means"),
    "normalized_distance": ("1", "that distance over the root mean squared error of the two"),
    "cosine": ("1", "cosine of the weights"),
    "cosine_without_batch_norm": ("1", "cosine of the weights without normalisation layers"),
}
INTERVALS = (
    "95 %, of means over pairs: new networks on new examples (cosines: new networks); Student's t with Satterthwaite's "
    "degrees of freedom on the variance over test examples (roots and the ratio linearised) and that between networks; "
    "with 2 members, test examples alone for the distances and no interval for cosines"
)


def measure(offered: Offered, *, snapshots: int = 10) -> xr.Dataset:
    """Cosine and distance of the last checkpoints, member against member, and the snapshots' counterparts.

    The distance is what disagreement is of classes; over the error it is 0 for equal predictions and sqrt(2) for
    networks whose errors have nothing in common.

    Args:
        offered: predictions of test examples; checkpoints for the cosines.
        snapshots: last kept epochs of a run that are compared, at most.

    Raises:
        NotEnough: if fewer than 2 members are trained.
    """
    members = trained(offered, 2, WHAT)
    test = predicted(offered, "test", WHAT)
    mean = gaussian(stacked(test, test.groups[INDEPENDENT])).mean
    matrices, example, influence, rmse = distances(mean, test.label, test.example_group)
    cosines = solution_cosines(offered.checkpoints, members)
    values = dict(zip(MATRICES, (*matrices, *cosines), strict=True))
    parts = [(example[at], None if influence is None else influence[at]) for at in (0, 1)]
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
            "rmse": (("member",), rmse, "unit of the target", "root mean squared error"),
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
        provenance=offered.provenance(examples=len(test.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        snapshots=snapshots,
    )


def distances(
    mean: np.ndarray, target: np.ndarray, group: np.ndarray | None = None
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray | None, np.ndarray]:
    """Root mean square distance d of every two members, and d / e with e^2 the mean squared error of the two.

    The means over pairs are linearised in the examples: d + (s(x) - d^2) / 2d with the squared distance s(x), and
    d / e + (s(x) - d^2) / 2de - (d / e) (w(x) - e^2) / 2e^2 with the squared error w(x). The influence of a member is
    that of leaving it out.

    Args:
        mean: predicted means, [member, example, output].
        target: [example, output].
        group: of each example (`modescape.arrays.group_codes`); shares are then those of groups.

    Returns:
        Both matrices [member, member]; each example's share in their means over pairs, [quantity, example]; each
        member's influence on that, [quantity, member, example], None of two; RMSE [member].
    """
    members, examples = mean.shape[:2]
    wrong = np.square(mean - target).mean(-1)  # [member, example]
    matrices, of_member = np.zeros((2, members, members)), np.zeros((2, members, examples))
    with np.errstate(divide="ignore", invalid="ignore"):  # equal predictions, or none that errs
        for i, j in zip(*np.triu_indices(members, 1), strict=True):
            apart, error = np.square(mean[i] - mean[j]).mean(-1), (wrong[i] + wrong[j]) / 2
            square, level = apart.mean(), error.mean()
            d, e = np.sqrt(square), np.sqrt(level)
            change = np.where(d > 0, (apart - square) / (2 * d), 0.0)
            ratio = d / e
            own = np.stack([d + change, ratio + change / e - ratio * (error - level) / (2 * level)])
            matrices[:, i, j] = matrices[:, j, i] = d, ratio
            of_member[:, [i, j]] += own[:, None]
    of_member = by_group(of_member, group)
    example = of_member.sum(1) / members / (members - 1)
    influence = None if members == 2 else of_member * 2 / (members - 2)
    return (matrices[0], matrices[1]), example, influence, np.sqrt(wrong.mean(1))


def _within(mean: np.ndarray) -> float:
    """Mean distance over pairs of models [model, example, output]; NaN of one."""
    pairs = [np.sqrt(np.square(mean[i] - mean[j]).mean()) for i, j in zip(*np.triu_indices(len(mean), 1), strict=True)]
    return float(np.mean(pairs)) if pairs else float("nan")
