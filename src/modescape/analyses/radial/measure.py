"""The sector through the origin and two solutions: accuracy, agreement and loss in polar coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from modescape import tree
from modescape.analyses.drawing import likeness_of, predict, scoring_of_study
from modescape.analyses.likeness import CLASSES, LIKENESS
from modescape.analyses.requirements import left_out, trained
from modescape.analyses.sampling import (
    Neighbourhood,
    available,
    neighbourhood,
)
from modescape.analyses.stating import CONTROL_OF_POINT, Variables
from modescape.analyses.stored import TOGETHER
from modescape.context import StudyContext
from modescape.landscape import Plane, polar_grid
from modescape.results import make_result
from modescape.types import Inputs

if TYPE_CHECKING:
    import xarray as xr

    from modescape.study import Study

DEGREES = (-27.0, 117.0)  # as the paper's figure
LARGEST = 2.0  # radius, in lengths of the solutions
SCALE = 1.0  # of the samples: times the standard deviation of the checkpoints
SHOWN = 0.25  # radius at which magnified samples are drawn, on average
LOSS = ("nats", "loss")
BEST = {  # task -> name and long name of the loss after calibration
    "classification": ("nll_best_temperature", "loss at the temperature that suits the point best"),
    "regression": ("nll_best_scale", "loss with all variances times the factor that suits the point best"),
}


def measure(
    context: StudyContext, *, radii: int = 21, angles: int = 33, examples: int = 1000, samples: int = 30
) -> xr.Dataset:
    """Cut through weight space along the plane of the origin (all weights 0) and the first two solutions.

    At every point: accuracy, NLL, NLL at the temperature that suits the point best (part of the wedge is that the
    logits of larger weights are larger), and for both solutions the share of examples with their label, raw and as
    max(0, 1 - d / (1 - a)), which is near 0 for an unrelated network of any accuracy. Of a regression: RMSE, NLL, NLL
    with all variances times the best factor of the point, and the distance of the predicted means, raw and as
    max(0, 1 - d / sqrt(e^2 + b^2)), which is 0 for uncorrelated errors. Batch-norm statistics are
    recomputed at every point, or are those of the first solution, as ``subspace.batch_norm`` says.

    Args:
        context: the study's data, network and evaluator.
        radii: points along a ray, from 0 to 2 lengths.
        angles: rays, from -27 to 117 degrees; 33 of them hold 0 and 90.
        examples: test examples, from the first on.
        samples: Gaussian samples around solution 1 that are projected on the plane.

    Raises:
        NotEnough: with fewer than two trained members.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 5; the normalised similarity is what fits its colours.
    """
    study = context.study
    members = trained(context.offered, 2, "the radial cut")[:2]
    one, two = (neighbourhood(context, member) for member in members)
    plane = Plane.through(one.trajectory[-1], two.trajectory[-1])
    radius = torch.linspace(0, LARGEST, max(radii, 2), dtype=torch.float64)
    degrees = torch.linspace(*DEGREES, max(angles, 2), dtype=torch.float64)
    x, y = polar_grid(radius, degrees)
    test = context.dataset.test.first(examples)
    inputs, label = test.inputs, test.label.cpu().numpy()
    solutions = [around.log_prob("single", None, 1, {"": inputs})[""][0] for around in (one, two)]
    places = plane.coordinates(torch.stack([one.trajectory[-1], two.trajectory[-1]]))
    found = predict(context, one.installed(plane.point(*places).float()), inputs)
    likeness = likeness_of(context)
    control = [likeness.moved(*pair) for pair in zip(found, solutions, strict=True)]
    cut = _cut(one, plane, (x, y), inputs, label, solutions)
    paths = [_path(study, plane, member) for member in members]
    drawn = _samples(plane, one, samples)
    return make_result(
        {
            **cut.variables(study.task.kind),
            "control": (("member",), control, "1", CONTROL_OF_POINT.format(likeness.control)),
            "path_x": (("member", "epoch"), np.stack([path[0] for path in paths]), "1", "trajectory, along solution 1"),
            "path_y": (("member", "epoch"), np.stack([path[1] for path in paths]), "1", "along the rest of solution 2"),
            "sample_x": (("draw",), drawn.x, "1", "Gaussian samples around solution 1, magnified"),
            "sample_y": (("draw",), drawn.y, "1", "Gaussian samples around solution 1, magnified"),
        },
        {
            "member": members,
            "x": radius.numpy(),
            "y": degrees.numpy(),
            "epoch": np.arange(study.recipe.train.epochs + 1),
            "draw": np.arange(len(drawn.x)),
        },
        title="The plane through the origin and two solutions, in polar coordinates",
        intervals="none",
        provenance=context.offered.provenance(examples=len(label), members=2, repeats=1),
        left_out=left_out(context.offered),
        split="test",
        magnified=drawn.magnified,
        sample_scale=SCALE,
        sample_distance=drawn.distance,
        batch_norm=study.recipe.subspace.batch_norm,
        cosine=float(one.trajectory[-1].double() @ two.trajectory[-1].double() / one.length / two.length),
        solution_distance=float((one.trajectory[-1] - two.trajectory[-1]).norm()),
    )


def _fields(task: str) -> dict[str, tuple[str, str]]:
    """Units and long names of the quantities at every point."""
    quality, (best, text) = LIKENESS[task].quality, BEST[task]
    return {quality.name: (quality.units, quality.long_name), "nll": LOSS, best: ("nats", text)}


class _Cut(NamedTuple):
    """The quantities at every point of the plane."""

    fields: dict[str, np.ndarray]  # [y, x] each, by the names of `_fields`
    agreement: np.ndarray  # [solution, y, x]; of a regression the distance
    similarity: np.ndarray

    def variables(self, task: str) -> Variables:
        """The variables of a result."""
        likeness, pair = LIKENESS[task], ("member", "y", "x")
        agreement = likeness.agreement
        return {
            **{name: (("y", "x"), self.fields[name], *said) for name, said in _fields(task).items()},
            agreement.name: (pair, self.agreement, agreement.units, agreement.long_name),
            "similarity": (pair, self.similarity, "1", likeness.similar),
        }


def _cut(
    around: Neighbourhood,
    plane: Plane,
    points: tuple[torch.Tensor, torch.Tensor],
    inputs: Inputs,
    label: np.ndarray,
    solutions: Sequence[np.ndarray],
) -> _Cut:
    """Evaluate the networks at points [y, x] of the plane, in batches.

    Args:
        around: whose batch-norm statistics they have, where those are stored.
        plane: of the points.
        points: coordinates, x and y.
        inputs: leaves [example, ...].
        label: [example].
        solutions: predictions [example, width] of networks with which they are compared.
    """
    x, y = points
    likeness, scoring = likeness_of(around.context), scoring_of_study(around.context)
    names = list(_fields(around.context.study.task.kind))
    fields = {name: np.empty(x.numel()) for name in names}
    agreement, similarity = np.empty((2, len(solutions), x.numel()))
    for places in torch.arange(x.numel()).split(TOGETHER):
        weights = plane.point(x.flatten()[places], y.flatten()[places]).float()
        predictive = predict(around.context, around.installed(weights), inputs)
        at, said = places.numpy(), likeness.said(predictive)
        best = scoring.scores["nll"](scoring.calibrate(predictive, predictive, label), label)
        if likeness is CLASSES:
            best = np.minimum(best, np.log(predictive.shape[-1]))  # of uniform predictions, at infinite temperature
        values = likeness.good(predictive, label), scoring.scores["nll"](predictive, label), best
        for name, column in zip(names, values, strict=True):
            fields[name][at] = column
        for end, own in enumerate(likeness.said(solution) for solution in solutions):
            agreement[end, at] = likeness.agree(said, own)
            similarity[end, at] = likeness.similarity(said, own, label)
    shape = tuple(x.shape)
    return _Cut(
        {name: values.reshape(shape) for name, values in fields.items()},
        agreement.reshape(-1, *shape),
        similarity.reshape(-1, *shape),
    )


def _path(study: Study, plane: Plane, member: int) -> np.ndarray:
    """A member's stored checkpoints on the plane, [axis, epoch]; NaN for epochs that are not stored."""
    out = np.full((2, study.recipe.train.epochs + 1), np.nan)
    for epoch in study.recipe.kept_epochs(member):
        out[:, epoch] = [float(one) for one in plane.coordinates(tree.ravel(study.params(member, epoch)))]
    return out


class _Samples(NamedTuple):
    """Gaussian samples around a solution, as shown."""

    magnified: float  # 1, 2, 5, 10, ...
    distance: float  # root mean square distance from the solution over its length; NaN without samples
    x: np.ndarray  # [draw]
    y: np.ndarray


def _samples(plane: Plane, around: Neighbourhood, count: int) -> _Samples:
    """Samples of the Gaussian of the last checkpoints, at its own scale as in the paper, projected on the plane."""
    if "diagonal" not in available(around.context):
        return _Samples(1.0, float("nan"), np.empty(0), np.empty(0))
    solution = around.trajectory[-1]
    keys = around.keys("radial diagonal", count)
    weights = around.sampler("diagonal", SCALE).sample(around.trajectory, keys)
    shift = torch.stack(plane.coordinates((weights - solution).double())).numpy()
    typical = float(np.sqrt(np.square(shift).sum(0).mean())) if count else 0.0
    steps = [step * 10.0**power for power in range(9) for step in (1, 2, 5)]
    magnified = max((step for step in steps if step * typical <= SHOWN), default=1.0) if typical > 0 else 1.0
    start = torch.stack(plane.coordinates(solution)).numpy()[:, None]
    apart = float(around.distances(weights).square().mean()) ** 0.5
    return _Samples(magnified, apart, *(start + magnified * shift))
