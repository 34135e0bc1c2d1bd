"""The plane through the origin (all weights 0) and two solutions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from modescape.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Plane:
    """Orthogonal axes in weight space, each with its unit of length.

    The first axis points to solution 1, the second is the component of solution 2 orthogonal to it; units are the
    lengths of the two, so that solution 1 lies at (1, 0) and solution 2 at (a small value, 1).
    """

    first: Tensor  # unit vector, [parameter], float64
    second: Tensor
    units: tuple[float, float]  # weight units

    @classmethod
    def through(cls, one: Tensor, two: Tensor) -> Plane:
        """The plane through the origin and two vectors [parameter].

        Raises:
            InputError: if they are parallel, or one has length 0.

        Source: Fort et al. 2019, arXiv 1912.02757, figure 5.
        """
        one, two = one.double(), two.double()
        length = one.norm()
        if not length > 0 or not two.norm() > 0:
            raise InputError("a solution has all weights 0: no plane through the origin and two solutions")
        first = one / length
        rest = two - (two @ first) * first
        height = rest.norm()
        if height <= 1e-9 * two.norm():
            raise InputError("the two solutions are parallel; expected two directions")
        return cls(first=first, second=rest / height, units=(float(length), float(height)))

    def point(self, x: Tensor, y: Tensor) -> Tensor:
        """Weights at plane coordinates [...]; float64 [..., parameter]."""
        return x.double()[..., None] * self.units[0] * self.first + y.double()[..., None] * self.units[1] * self.second

    def coordinates(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Plane coordinates of the projections of weights [..., parameter]; float64 [...] each."""
        weights = weights.double()
        return weights @ self.first / self.units[0], weights @ self.second / self.units[1]


def polar_grid(radius: Tensor, degrees: Tensor) -> tuple[Tensor, Tensor]:
    """Plane coordinates of a polar grid: x = r cos(a), y = r sin(a); float64 [angle, radius] each."""
    angle = torch.deg2rad(degrees.double())[:, None]
    return radius.double() * angle.cos(), radius.double() * angle.sin()
