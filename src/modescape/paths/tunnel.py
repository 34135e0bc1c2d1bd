"""A low-loss path between two solutions by a simplified form of Fort and Jastrzebski's procedure.

The straight line between two points is cut where its loss is highest. That point is moved down the loss, but only in
the hyperplane orthogonal to the line, so that it cannot slide to either end; then both halves are treated the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from modescape.errors import InputError

Loss = Callable[[Tensor], Tensor]
"""Weights [point, parameter] -> loss of each [point]."""
Gradient = Callable[[Tensor, int], Tensor]
"""Weights [parameter] and the step's number -> gradient of the loss on that step's batch [parameter]."""

BETAS, EPSILON = (0.9, 0.999), 1e-8  # Adam's


@dataclass(frozen=True, kw_only=True)
class Tunnel:
    """Settings of the search."""

    levels: int = 2  # of recursive halving: 2^levels - 1 corners are optimised
    steps: int = 400  # of Adam for each corner
    learning_rate: float = 5e-3  # of Adam, in weight units
    cuts: int = 9  # points on a line at which its highest loss is searched

    def connect(
        self,
        start: Tensor,
        end: Tensor,
        loss: Loss,
        gradient: Gradient,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Tensor:
        """Find the corners of a path.

        Args:
            start: weights of one solution, [parameter].
            end: weights of the other, [parameter].
            loss: of many points, to find where it is highest on a line.
            gradient: of the loss on a batch; steps are numbered consecutively over all corners.
            progress: called with the share of corners found.

        Returns:
            corners with both ends, in order, [2^levels + 1, parameter].

        Raises:
            InputError: if both ends coincide or have different shapes.

        Source: Fort and Jastrzebski 2019, arXiv 1906.04724, in the simplified form of Vrabel et al. (highest point of
            the
        line, Adam in the hyperplane orthogonal to it, then both halves).
        """
        if start.shape != end.shape or start.dim() != 1:
            raise InputError(
                f"the ends have shapes {list(start.shape)} and {list(end.shape)}; expected one vector each"
            )
        if torch.equal(start, end):
            raise InputError("both ends of the path are the same point")
        corners, step, total = [start, end], 0, 2**self.levels - 1
        for _ in range(self.levels):
            found = [corners[0]]
            for left, right in pairwise(corners):
                place = self.highest(left, right, loss)
                found += [self.descend(left, right, place, gradient, step), right]
                step += self.steps
                progress((step // max(self.steps, 1)) / total)
            corners = found
        return torch.stack(corners)

    def highest(self, left: Tensor, right: Tensor, loss: Loss) -> float:
        """Position between two points (0 to 1, ends excluded) at which the loss on the straight line is highest."""
        t = torch.linspace(0, 1, self.cuts + 2, dtype=torch.float64)[1:-1]
        points = torch.stack([torch.lerp(left, right, float(place)) for place in t])
        return float(t[int(loss(points).argmax())])

    def descend(self, left: Tensor, right: Tensor, place: float, gradient: Gradient, step: int) -> Tensor:
        """Minimise the loss from ``place`` on a line, orthogonally to the line; steps are numbered from ``step``."""
        axis = right - left
        axis = axis / axis.norm()
        point = torch.lerp(left, right, place)
        mean, square = torch.zeros_like(point), torch.zeros_like(point)
        for number in range(1, self.steps + 1):
            slope = gradient(point, step + number - 1)
            slope = slope - (slope @ axis) * axis
            mean.lerp_(slope, 1 - BETAS[0])
            square.lerp_(slope * slope, 1 - BETAS[1])
            change = mean / (1 - BETAS[0] ** number) / ((square / (1 - BETAS[1] ** number)).sqrt() + EPSILON)
            change = change - (change @ axis) * axis  # Adam's rescaling takes the step out of the hyperplane
            rate = self.learning_rate * (1 - (number - 1) / self.steps)  # annealed to 0: noise of batches averages out
            point = point - rate * change
        return point
