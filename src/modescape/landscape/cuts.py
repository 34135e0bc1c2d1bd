"""Straight cuts through weight space: a line or plane given by a point and directions, or through solutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modescape import tree
from modescape.errors import InputError
from modescape.landscape.directions import direction_of
from modescape.principal import principal_directions
from modescape.types import ModelState, Params


@dataclass(frozen=True)
class Projection:
    """Points projected on a cut.

    Attributes:
        coordinates: float64 [point, axis].
        residual: distance of each point from the cut, weight units, [point].
        share: of the points' variance about their mean that lies along the cut; NaN for a single point.
    """

    coordinates: np.ndarray
    residual: np.ndarray
    share: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Cut:
    """A line or plane: points origin + sum over axes of coordinate x axis.

    Attributes:
        origin: the point at coordinates 0; running statistics among its buffers are interpolated like the weights.
        axes: directions, float64; tensors that one does not name are constant along it. Coordinates are in their
            lengths.
        solutions: coordinates of the solutions that the cut goes through, [solution][axis].
        about: how it was made, for captions.
    """

    origin: ModelState
    axes: tuple[ModelState, ...]
    solutions: tuple[tuple[float, ...], ...] = ()
    about: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def through(cls, *solutions: ModelState, orthogonal: bool = True) -> Cut:
        """The line through two solutions, the plane through three; the first is the origin, the second at (1, 0).

        Args:
            solutions: with their buffers, which are interpolated by the same affine map as the weights.
            orthogonal: the second axis is orthogonal to the first and as long, so that a plot has no shear; the third
                solution then lies at its projection. Otherwise the third is at (0, 1), and `angle` is not 90.

        Raises:
            InputError: unless they are two or three; if two are equal, or three lie on a line.
        """
        if len(solutions) not in (2, 3):
            raise InputError(f"a cut goes through two or three solutions, not {len(solutions)}")
        origin = solutions[0]
        axes = [difference(other, origin) for other in solutions[1:]]
        flat = [_flat(axis.params) for axis in axes]
        if any(not float(one.norm()) > 0 for one in flat):
            raise InputError("two of the solutions are the same point; expected different ones")
        places: list[tuple[float, ...]] = [tuple([0.0] * len(axes)), tuple([1.0, 0.0][: len(axes)])]
        angle = _angle(flat[0], flat[-1]) if len(flat) == 2 else math.nan
        if len(flat) == 2:
            along = float(flat[0] @ flat[1] / (flat[0] @ flat[0]))
            height = float((flat[1] - along * flat[0]).norm())
            if height <= 1e-9 * float(flat[1].norm()):
                raise InputError("the three solutions lie on one line; expected a plane")
            if orthogonal:
                stretch = float(flat[0].norm()) / height
                axes[1] = _combined(stretch, axes[1], -stretch * along, axes[0])
                places.append((along, 1 / stretch))
            else:
                places.append((0.0, 1.0))
        return cls(
            origin=origin,
            axes=tuple(axes),
            solutions=tuple(places),
            about={"through": len(solutions), "solutions' angle": angle},
        )

    @classmethod
    def along(cls, origin: ModelState, *directions: Params, **about: Any) -> Cut:
        """A cut of one or two directions (`modescape.landscape.directions`) at a point."""
        if len(directions) not in (1, 2):
            raise InputError(f"a cut has one or two directions, not {len(directions)}")
        axes = tuple(ModelState({name: one.double() for name, one in own.items()}, {}) for own in directions)
        if odd := [name for axis in axes for name in axis.params if name not in origin.params]:
            raise InputError(
                f"a direction has '{odd[0]}', which the point does not have; expected names of its parameters"
            )
        return cls(origin=origin, axes=axes, about=dict(about))

    @classmethod
    def principal(cls, origin: ModelState, trajectory: Sequence[ModelState], axes: int = 2) -> Cut:
        """The plane through a point along the principal components of a trajectory, unit vectors.

        Raises:
            InputError: if the trajectory's points lie in fewer dimensions.
        """
        rows = torch.stack([_flat(point.params) for point in trajectory])
        found = principal_directions(rows, axes)
        if len(found.directions) < axes:
            raise InputError(
                f"the trajectory's {len(trajectory)} points lie in {len(found.directions)} dimensions, "
                f"expected {axes} or more; give more of its points"
            )
        total = float((rows - found.mean).square().sum() / len(rows))
        shares = [float(one) ** 2 / total for one in found.deviation]
        directions = [direction_of(one, origin.params) for one in found.directions]
        return cls.along(origin, *directions, principal_shares=shares)

    @cached_property
    def lengths(self) -> tuple[float, ...]:
        """Length of each axis, weight units."""
        return tuple(float(_flat(self._full(axis)).norm()) for axis in self.axes)

    @cached_property
    def angle(self) -> float:
        """Angle between the two axes in degrees, 90 if orthogonal; NaN for a line."""
        if len(self.axes) < 2:
            return math.nan
        return _angle(*(_flat(self._full(axis)) for axis in self.axes))

    def points(self, coordinates: np.ndarray | Tensor) -> CutPoints:
        """Points at coordinates [point, axis], made lazily, for `Landscape.evaluate`."""
        places = torch.as_tensor(np.asarray(coordinates, dtype=np.float64))
        if places.dim() != 2 or places.shape[1] != len(self.axes):
            raise InputError(f"coordinates have shape {list(places.shape)}, expected [point, {len(self.axes)}]")
        return CutPoints(self, places)

    def point(self, *coordinates: float) -> ModelState:
        """One point, in the origin's dtypes."""
        state = self.points(np.array([coordinates])).stacked(0, 1)
        return ModelState(*({name: tensor[0] for name, tensor in part.items()} for part in state))

    def project(self, points: Sequence[ModelState]) -> Projection:
        """Coordinates of points projected on the cut, and their distances from it; by least squares if oblique."""
        axes = torch.stack([_flat(self._full(axis)) for axis in self.axes])
        rows = torch.stack([_flat(point.params) for point in points]) - _flat(self.origin.params)
        coordinates = torch.linalg.solve(axes @ axes.T, axes @ rows.T).T
        on_cut = coordinates @ axes
        centred = rows - rows.mean(0)
        inside = on_cut - on_cut.mean(0)
        total = float(centred.square().sum())
        share = float(inside.square().sum()) / total if total > 0 else math.nan
        return Projection(coordinates.cpu().numpy(), (rows - on_cut).norm(dim=1).cpu().numpy(), share)

    def _full(self, axis: ModelState) -> Params:
        """An axis over all tensors, zeros where it names none."""
        zero = {name: torch.zeros_like(tensor, dtype=torch.float64) for name, tensor in self.origin.params.items()}
        return zero | axis.params


@dataclass(frozen=True, eq=False)
class CutPoints:
    """Points of a cut: `modescape.landscape.field.Points`."""

    cut: Cut
    coordinates: Tensor  # float64 [point, axis], on the CPU

    def __len__(self) -> int:
        return len(self.coordinates)

    def stacked(self, start: int, stop: int) -> ModelState:
        """Points start to stop - 1, tensors [point, ...]; summed in float64, then in the origin's dtypes."""
        places = self.coordinates[start:stop]

        def moved(part: int) -> Params:
            found = {}
            for name, tensor in self.cut.origin[part].items():
                own = [(place, axis[part][name]) for place, axis in enumerate(self.cut.axes) if name in axis[part]]
                if not own:
                    found[name] = tensor.expand(len(places), *tensor.shape)
                    continue
                sums = tensor.double().expand(len(places), *tensor.shape)
                for place, direction in own:
                    steps = places[:, place].to(tensor.device).view(-1, *[1] * tensor.dim())
                    sums = sums + steps * direction
                found[name] = sums.to(tensor.dtype)
            return found

        return ModelState(moved(0), moved(1))


def difference(one: ModelState, other: ModelState) -> ModelState:
    """One - other in float64, of parameters and of the floating-point buffers that both have.

    Raises:
        InputError: if names or shapes of their parameters differ.
    """
    if one.params.keys() != other.params.keys():
        odd = sorted(one.params.keys() ^ other.params.keys())[0]
        raise InputError(f"only one of two solutions has '{odd}'; expected solutions of one architecture")
    for name, tensor in one.params.items():
        if tensor.shape != other.params[name].shape:
            raise InputError(
                f"'{name}' has shapes {list(tensor.shape)} and {list(other.params[name].shape)} in two solutions; "
                "expected one architecture"
            )
    common = [name for name in other.buffers if name in one.buffers and other.buffers[name].is_floating_point()]
    return ModelState(
        {name: tensor.double() - other.params[name].double() for name, tensor in one.params.items()},
        {name: one.buffers[name].double() - other.buffers[name].double() for name in common},
    )


def _combined(one: float, first: ModelState, other: float, second: ModelState) -> ModelState:
    """One x first + other x second."""

    def part(own: Params, its: Params) -> Params:
        return {name: one * tensor + other * its[name] for name, tensor in own.items()}

    return ModelState(part(first.params, second.params), part(first.buffers, second.buffers))


def _flat(params: Params) -> Tensor:
    return tree.ravel({name: tensor.double() for name, tensor in params.items()})


def _angle(one: Tensor, other: Tensor) -> float:
    cosine = float(one @ other / (one.norm() * other.norm()))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
