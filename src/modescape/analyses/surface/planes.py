"""The planes that are measured: through which solutions they go, which runs are seen on them, how far they reach."""

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
MARGIN = 0.3  # around what lies on a plane, over its extent
MOST_STEPS = 41  # checkpoints of a run
MOST_NUMBERS = 1 << 26  # of one run's checkpoints together: half a gigabyte while they are projected

Box = tuple[tuple[float, float], tuple[float, float]]
"""Ends along each axis."""


@dataclass(frozen=True, eq=False)
class Run:
    """A member's way to its solution, as far as it is kept."""

    member: int
    steps: list[int]
    states: list[ModelState] = field(repr=False)

    @classmethod
    def of(cls, checkpoints: Checkpoints, member: int) -> Run:
        """The checkpoints of a member: all, or so many of them, evenly apart, as there is room for; the last always."""
        kept = list(checkpoints.steps(member))
        size = sum(tensor.numel() for tensor in checkpoints.solution(member).params.values())
        most = min(MOST_STEPS, max(3, MOST_NUMBERS // size))
        chosen = kept if len(kept) <= most else [kept[-1 - place] for place in reversed(spread(len(kept), most))]
        return cls(member, chosen, [checkpoints.state(member, step) for step in chosen])

    @property
    def solution(self) -> ModelState:
        """Where it ends."""
        return self.states[-1]


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane, and what is seen on it.

    Attributes:
        name: `RANDOM`, `SOLUTIONS` or `PRINCIPAL`.
        cut: the plane.
        on: members whose solutions lie on it, those of the run that it was made of first.
        runs: member -> its run, projected.
        box: ends along each axis, ((low, high), (low, high)).
    """

    name: str
    cut: Cut
    on: list[int]
    runs: dict[int, Projection]
    box: Box


def planes(landscape: Landscape, runs: Sequence[Run], reach: float) -> tuple[list[Plane], dict[str, str]]:
    """The planes that there are, and why others are not: name -> a sentence.

    Args:
        landscape: of the network, around the first run's solution.
        runs: of the members, at most three.
        reach: of random directions, over the lengths of the weights that move.
    """
    found, without = [], {}
    for name, make in ((RANDOM, _random), (SOLUTIONS, _solutions), (PRINCIPAL, _principal)):
        try:
            found.append(make(landscape, runs, reach))
        except InputError as error:
            without[name] = str(error)
    return found, without


def _random(landscape: Landscape, runs: Sequence[Run], reach: float) -> Plane:
    """Around the first solution."""
    cut = landscape.random_cut(point=runs[0].solution)
    ends = (-reach, reach)
    return Plane(RANDOM, cut, [runs[0].member], _projected(landscape, cut, runs[:1]), (ends, ends))


def _solutions(landscape: Landscape, runs: Sequence[Run], reach: float) -> Plane:
    """Through three solutions; through two, and at right angles to that line a random direction as long."""
    if len(runs) < 2:
        raise InputError("it takes two solutions, and there is one")
    cut = landscape.cut_through(*(run.solution for run in runs[:3]))
    if len(runs) == 2:
        cut = _with_random_axis(landscape, cut)
    seen = _projected(landscape, cut, runs)
    return Plane(SOLUTIONS, cut, [run.member for run in runs], seen, _square(_around(seen)))


def _with_random_axis(landscape: Landscape, line: Cut) -> Cut:
    """A line made a plane by a filter-normalised direction, of which what lies along the line is taken out."""
    origin, along = line.origin, line.axes[0].params
    second = landscape.random_cut(1, point=origin).axes[0].params
    whole = {name: second.get(name, 0.0 * tensor) for name, tensor in along.items()}
    one, other = tree.ravel(along), tree.ravel(whole)
    other = other - (other @ one) / (one @ one) * one
    other = other * (one.norm() / other.norm())
    upright = ModelState(tree.unravel(other, along), {})
    return Cut(origin=origin, axes=(line.axes[0], upright), about={"through": 2})  # statistics move along the line


def _principal(landscape: Landscape, runs: Sequence[Run], reach: float) -> Plane:
    """Along the principal components of the run of which most is kept, through its solution."""
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
    """A box whose shorter side is stretched to the longer one: its axes have one length, and so have its sides."""
    half = max(high - low for low, high in box) / 2
    (left, right), (below, above) = (((low + high) / 2 - half, (low + high) / 2 + half) for low, high in box)
    return (left, right), (below, above)


def axis(low: float, high: float, points: int) -> np.ndarray:
    """So many evenly spaced coordinates from about ``low`` to about ``high``, 0 among them where it lies between.

    >>> axis(-1.0, 2.0, 4).tolist()
    [-1.0, 0.0, 1.0, 2.0]
    """
    step = (high - low) / (points - 1)
    places = np.arange(points) + round(low / step)
    return places * step
