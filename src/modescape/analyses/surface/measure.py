"""Planes through weight space: the loss around a solution, between three, and along a training run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from modescape import rng
from modescape.analyses.drawing import BATCH_NORM_IMAGES, likeness_of
from modescape.analyses.field import field
from modescape.analyses.requirements import left_out, trained, weights_of
from modescape.analyses.stating import Variables
from modescape.analyses.surface.planes import Plane, Run, axis, planes
from modescape.context import StudyContext
from modescape.landscape import Landscape, Surface
from modescape.landscape.refinement import Refined
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.tasks import Task

CONTROL = "difference between the loss at the solution's place on the plane and the solution's own"
LEAST_POINTS = 5  # a side
CONTROLS = 16  # interpolated points of a plane at which the accuracy is measured as a control
WHAT = "a surface of the loss"


def measure(
    context: StudyContext,
    *,
    points: int = 21,
    examples: int = 300,
    reach: float | None = 1.0,
    tolerance: float | None = 0.05,
) -> xr.Dataset:
    """Training loss, and accuracy or RMSE on test examples, on grids of up to three planes through weight space.

    The planes: around the first solution along two random directions, each filter as long as the solution's; through
    the first three solutions (of two: through both, and along a random direction); along the first two principal
    components of a training run, through its solution. Training runs are projected on them. Batch-norm statistics are
    recomputed at every point, or are the solutions' own, interpolated like the weights, as
    ``subspace.batch_norm`` says.

    Args:
        context: the study's data, network and evaluator.
        points: per side.
        examples: training examples for the loss, and as many test examples, from the first on.
        reach: extent of the plane of random directions, relative to the norm of the weights; None: 1.
        tolerance: points are measured where interpolation of the loss would be wrong by more than that share of it,
            and interpolated elsewhere; None: every point is measured.

    Raises:
        NotEnough: without a trained member.

    Source: Li et al. 2018, arXiv 1712.09913; the plane of three solutions: Garipov et al. 2018, arXiv 1802.10026.
    """
    members = trained(context.offered, 1, WHAT)[:3]
    runs = [Run.of(weights_of(context.offered, WHAT), member) for member in members]
    data, task = context.dataset, context.dataset.task
    train, test = data.train.first(examples), data.test.first(examples)
    loss = field(context, runs[0].solution, train)
    quality = field(context, runs[0].solution, test, loss=_quality(task), check=False)
    pair = _Pair(context, loss, quality, len(train.label), len(test.label))
    laid, without = planes(loss, runs, reach or 1.0)
    found = [pair.grid(plane, max(points, LEAST_POINTS), tolerance) for plane in laid]
    steps = sorted({step for run in runs for step in run.steps})
    own = loss.values([run.solution for run in runs])
    return make_result(
        {
            **_of_grids(context, found),
            **_of_planes(laid),
            **_of_runs(laid, runs, steps),
            "control": (("approach", "member"), _controls(loss, laid, found, members, own), "nats", CONTROL),
            "solution_loss": (("member",), own, "nats", "training loss of the solution"),
        },
        {
            "approach": [plane.name for plane in laid],
            "member": members,
            "epoch": steps,
            **{name: np.arange(len(found[0].surface.x)) for name in ("x", "y")},
        },
        title="The loss on planes through weight space",
        intervals="none",
        provenance=context.offered.provenance(examples=len(test.label), members=len(members), repeats=1),
        left_out=left_out(context.offered),
        split="test",
        train_examples=len(train.label),
        tolerance=tolerance or 0.0,
        without="; ".join(f"{name}: {reason}" for name, reason in without.items()),
        batch_norm=context.study.recipe.subspace.batch_norm,
    )


@dataclass(frozen=True, eq=False)
class _Grid:
    """The measurements on a plane."""

    surface: Surface  # of the training loss, whole
    quality: np.ndarray  # accuracy or RMSE, [y, x]
    quality_error: float  # largest difference at interpolated points that were measured as controls


@dataclass(frozen=True, eq=False)
class _Pair:
    """The training loss, and the quality of its points on test examples."""

    context: StudyContext
    loss: Landscape
    quality: Landscape
    train: int  # examples
    test: int

    def grid(self, plane: Plane, points: int, tolerance: float | None) -> _Grid:
        """Measure a plane on a grid; all points where there is no tolerance."""
        x, y = (axis(*ends, points) for ends in plane.box)
        done = [0]

        def progress(measured: int, total: int) -> None:
            self._tell(measured - done[0], self.train)
            done[0] = measured

        surface = self.loss.surface(plane.cut, x, y, tolerance=tolerance, progress=progress)
        own = self.loss.values(plane.cut.points(np.zeros((1, 2))))  # it may have been interpolated
        surface = surface.with_values(np.array([_centre(surface)]), {"loss": own})
        found = self._judged(plane, surface, surface.measured)
        filled = Refined(found, surface.measured, 0.0, 0).filled(found, surface.measured)
        seen = _controls_of(~surface.measured, rng.key(self.loss.seed, f"surface controls {plane.name}"))
        again = self._judged(plane, surface, seen)
        error = np.abs(again - filled)[seen]
        error = float(error[np.isfinite(error)].max(initial=0.0))
        return _Grid(surface, np.where(seen, again, filled), error)

    def _judged(self, plane: Plane, surface: Surface, where: np.ndarray) -> np.ndarray:
        """Accuracy or RMSE at these points of a grid, [y, x]; NaN elsewhere, and where the loss is missing."""
        found, index = np.full(where.shape, np.nan), np.flatnonzero(where)
        task: Task = self.context.dataset.task
        for place, one in self.quality.sweep(plane.cut.points(surface.coordinates[index])) if len(index) else ():
            found.reshape(-1)[index[place]] = task.told(torch.from_numpy(one.loss)).numpy()
            self._tell(len(one.loss), self.test)
        return np.where(surface.measured & ~np.isfinite(surface.loss), np.nan, found)

    def _tell(self, networks: int, examples: int) -> None:
        """Report forward passes, including those for batch-norm statistics."""
        runner, statistics = self.loss.runner, 0
        if runner.norms and runner.policy == "recompute":
            statistics = min(BATCH_NORM_IMAGES, len(self.context.dataset.train.label))
        self.context.progress(networks * (examples + statistics))


def _centre(surface: Surface) -> int:
    """Flat index of the point of a grid at (0, 0)."""
    return int(np.square(surface.coordinates).sum(1).argmin())


def _controls_of(where: np.ndarray, key: int) -> np.ndarray:
    """Some of the points, drawn at random, [y, x]."""
    index, found = np.flatnonzero(where), np.zeros(where.shape, dtype=bool)
    chosen = rng.permutation(torch.tensor(key), len(index)).numpy()[:CONTROLS] if len(index) else index
    found.reshape(-1)[index[chosen]] = True
    return found


def _quality(task: Task) -> Callable[[Tensor, Tensor], Tensor]:
    """What `Task.told` makes an accuracy or an RMSE of, mean over a batch."""

    def quality(output: Tensor, target: Tensor) -> Tensor:
        return task.tally(output, target).double() / len(target)

    return quality


def _controls(
    landscape: Landscape, laid: Sequence[Plane], found: Sequence[_Grid], members: Sequence[int], own: np.ndarray
) -> np.ndarray:
    """Differences of losses, [plane, member]: at the grid's centre and at other solutions; NaN off the plane."""
    out = np.full((len(laid), len(members)), np.nan)
    for row, (plane, grid) in enumerate(zip(laid, found, strict=True)):
        places = np.stack([plane.runs[member].coordinates[-1] for member in plane.on])
        there = landscape.values(plane.cut.points(places))
        centre = grid.surface.loss.reshape(-1)[_centre(grid.surface)]
        columns = [members.index(member) for member in plane.on]
        out[row, columns] = np.abs(there - own[columns])
        out[row, columns[0]] = max(out[row, columns[0]], abs(centre - own[columns[0]]))
    return out


def _of_grids(context: StudyContext, found: Sequence[_Grid]) -> Variables:
    """The variables of the grids."""
    grid, quality = ("approach", "y", "x"), likeness_of(context).quality
    surfaces = [one.surface for one in found]
    loss = np.stack([one.loss for one in surfaces])
    error = [0.0 if one.error is None else one.error for one in surfaces]
    return {
        "loss": (grid, np.where(np.isfinite(loss), loss, np.nan), "nats", "training loss"),
        quality.name: (
            grid,
            np.stack([one.quality for one in found]),
            quality.units,
            f"{quality.long_name} on test images",
        ),
        "measured": (
            grid,
            np.stack([one.measured for one in surfaces]).astype(float),
            "1",
            "1 where it was measured, 0 where the values are filled in",
        ),
        "place_x": (("approach", "x"), np.stack([one.x for one in surfaces]), "1", "coordinate along the first axis"),
        "place_y": (("approach", "y"), np.stack([np.asarray(one.y) for one in surfaces]), "1", "along the second"),
        "gaps": (("approach",), np.array([float(one.gaps) for one in surfaces]), "1", "points without a finite loss"),
        "filled_error": (
            ("approach",),
            np.array(error),
            "1",
            "largest relative error of filled-in losses that were measured to see",
        ),
        "filled_quality_error": (
            ("approach",),
            np.array([one.quality_error for one in found]),
            quality.units,
            f"largest error of a filled-in {quality.name} that was measured to see",
        ),
    }


def _of_planes(laid: Sequence[Plane]) -> Variables:
    """The variables of the planes."""
    lengths = np.array([plane.cut.lengths for plane in laid])
    angles = [plane.cut.about.get("solutions' angle", np.nan) for plane in laid]
    return {
        "length_x": (("approach",), lengths[:, 0], "1", "length of the first axis, weight units"),
        "length_y": (("approach",), lengths[:, 1], "1", "length of the second axis, weight units"),
        "angle": (("approach",), np.array([plane.cut.angle for plane in laid]), "degrees", "between the axes"),
        "solutions_angle": (
            ("approach",),
            np.array(angles, dtype=float),
            "degrees",
            "between the ways from the first solution to the two others",
        ),
    }


def _of_runs(laid: Sequence[Plane], runs: Sequence[Run], steps: Sequence[int]) -> Variables:
    """The variables of training runs, projected on the planes."""
    places = np.full((3, len(laid), len(runs), len(steps)), np.nan)
    shares = np.full((len(laid), len(runs)), np.nan)
    for row, plane in enumerate(laid):
        for column, run in enumerate(runs):
            if run.member in plane.runs:
                seen, at = plane.runs[run.member], [steps.index(step) for step in run.steps]
                places[:2, row, column, at] = seen.coordinates.T
                places[2, row, column, at] = seen.residual
                shares[row, column] = seen.share
    dims = ("approach", "member", "epoch")
    return {
        "path_x": (dims, places[0], "1", "training run projected on the plane, along the first axis"),
        "path_y": (dims, places[1], "1", "along the second axis"),
        "path_distance": (dims, places[2], "1", "distance of the checkpoint from the plane, weight units"),
        "path_share": (dims[:2], shares, "1", "share of the variance of the run's weights that lies along the plane"),
    }
