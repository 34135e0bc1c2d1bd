"""The planes to measure: their solutions, the runs shown on them, and their extents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from modescape import tree
from modescape.errors import InputError
from modescape.landscape import Cut, Landscape, Projection
from modescape.offered import Checkpoints
from modescape.plots.style import spread
from modescape.types import ModelState

RANDOM, SOLUTIONS, PRINCIPAL = "random", "solutions", "principal"
MARGIN = 0.3  # around the content of a plane, relative to its extent
MOST_STEPS = 41  # checkpoints of a run
MOST_NUMBERS = 1 << 26  # of one run's checkpoints together: half a gigabyte during the projection

Box = tuple[tuple[float, float], tuple[float, float]]
"""Ends of the ranges along each axis."""


@dataclass(frozen=True, eq=False)
class Run:
    """A member's trajectory to its solution, as far as it is stored."""

    member: int
    steps: list[int]
    states: list[ModelState] = field(repr=False)

    @classmethod
    def of(cls, checkpoints: Checkpoints, member: int) -> Run:
        """The checkpoints of a member: all, or as many as fit in memory, evenly spaced; always the last."""
        kept = list(checkpoints.steps(member))
        size = sum(tensor.numel() for tensor in checkpoints.solution(member).params.values())
        most = min(MOST_STEPS, max(3, MOST_NUMBERS // size))
        chosen = kept if len(kept) <= most else [kept[-1 - place] for place in reversed(spread(len(kept), most))]
        return cls(member, chosen, [checkpoints.state(member, step) for step in chosen])

    @property
    def solution(self) -> ModelState:
        """The last checkpoint."""
        return self.states[-1]


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane, and the solutions and runs on it.

    Attributes:
        name: `RANDOM`, `SOLUTIONS` or `PRINCIPAL`.
        cut: the plane.
        on: members whose solutions lie on it, first that of the run that it was made from.
        runs: member -> its run, projected.
        box: ends along each axis, ((low, high), (low, high)).
    """

    name: str
    cut: Cut
    on: list[int]
    runs: dict[int, Projection]
    box: Box


def planes(landscape: Landscape, runs: Sequence[Run], reach: float) -> tuple[list[Plane], dict[str, str]]:
    """The available planes, and why others are missing: name -> a sentence.

    Args:
        landscape: of the network, around the first run's solution.
        runs: of the members, at most three.
        reach: of random directions, relative to the norm of the weights that move.
    """
    found, without = [], {}
    for name, make in ((RANDOM, _random), (SOLUTIONS, _solutions), (PRINCIPAL, _principal)):
        try:
            found.append(make(landscape, runs, reach))
        except InputError as error:
            without[name] = str(error)
    return found, without


def _random(landscape: Landscape, runs: Sequence[Run], reach: float) -> Plane:
    """The plane around the first solution."""
    cut = landscape.random_cut(point=runs[0].solution)
    ends = (-reach, reach)
    return Plane(RANDOM, cut, [runs[0].member], _projected(landscape, cut, runs[:1]), (ends, ends))


def _solutions(landscape: Landscape, runs: Sequence[Run], reach: float) -> Plane:
    """The plane through three solutions; with two, through both and along an orthogonal random direction as long."""
    if len(runs) < 2:
        raise InputError("it takes two solutions, and there is one")
    cut = landscape.cut_through(*(run.solution for run in runs[:3]))
    if len(runs) == 2:
        cut = _with_random_axis(landscape, cut)
    seen = _projected(landscape, cut, runs)
    return Plane(SOLUTIONS, cut, [run.member for run in runs], seen, _square(_around(seen)))


def _with_random_axis(landscape: Landscape, line: Cut) -> Cut:
    """Extend a line to a plane by a filter-normalised random direction, made orthogonal to the line."""
    origin, along = line.origin, line.axes[0].params
    second = landscape.random_cut(1, point=origin).axes[0].params
    whole = {name: second.get(name, 0.0 * tensor) for name, tensor in along.items()}
    one, other = tree.ravel(along), tree.ravel(whole)
    other = other - (other @ one) / (one @ one) * one
    other = other * (one.norm() / other.norm())
    upright = ModelState(tree.unravel(other, along), {})
    return Cut(origin=origin, axes=(line.axes[0], upright), about={"through": 2})  # statistics move along the line


def _principal(landscape: Landscape, runs: Sequence[Run], reach: float) -> Plane:
    """The plane along the principal components of the run with the most checkpoints, through its solution."""
    run = max(runs, key=lambda one: len(one.steps))
    if len(run.steps) < 3:
        raise InputError(f"it takes a training run with three kept checkpoints, and there are {len(run.steps)}")
    cut = landscape.principal_cut(run.states)
    seen = _projected(landscape, cut, [run])
    return Plane(PRINCIPAL, cut, [run.member], seen, _around(seen))


def _projected(landscape: Landscape, cut: Cut, runs: Sequence[Run]) -> dict[int, Projection]:
    return {run.member: landscape.project(cut, run.states) for run in runs}


def _around(seen: dict[int, Projection]) -> Box:
    """A box around runs and the origin, with a margin; no narrower than a tenth of its other side."""
    places = np.concatenate([np.zeros((1, 2)), *(one.coordinates for one in seen.values())])
    low, high = places.min(0), places.max(0)
    extent = np.maximum(high - low, 0.1 * (high - low).max())
    (left, below), (right, above) = low - MARGIN * extent, high + MARGIN * extent
    return (float(left), float(right)), (float(below), float(above))


def _square(box: Box) -> Box:
    """A square box: the shorter side is extended to the longer one."""
    half = max(high - low for low, high in box) / 2
    (left, right), (below, above) = (((low + high) / 2 - half, (low + high) / 2 + half) for low, high in box)
    return (left, right), (below, above)


def axis(low: float, high: float, points: int) -> np.ndarray:
    """Evenly spaced coordinates from about ``low`` to about ``high``, including 0 where it lies between.

    >>> axis(-1.0, 2.0, 4).tolist()
    [-1.0, 0.0, 1.0, 2.0]
    """
    step = (high - low) / (points - 1)
    places = np.arange(points) + round(low / step)
    return places * step
