"""Shapes of paths: how the points that define a path are weighted at each position.

Every path here is w(t) = sum over k of c_k(t) p_k, with both ends and the bends between them as points. The gradient of
anything at w(t) reaches bend k with the factor c_k(t), so that no second implementation of the network is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import TypeAlias

import torch
from torch import Tensor

Shape: TypeAlias = "Callable[[Tensor, int], Tensor]"
"""(positions [t], points, ends included) -> coefficients, float64 [t, point]; their sum is 1."""


def linear(t: Tensor, points: int = 2) -> Tensor:
    """The straight line, (1 - t, t); points between the ends have weight 0.

    >>> linear(torch.tensor([0.25]), 2).tolist()
    [[0.75, 0.25]]
    """
    t = t.double()
    found = torch.zeros(len(t), points, dtype=torch.float64)
    found[:, 0], found[:, -1] = 1 - t, t
    return found


def bezier(t: Tensor, points: int = 3) -> Tensor:
    """A Bezier curve: Bernstein polynomials; for three points (1-t)^2, 2t(1-t), t^2.

    Source: Garipov et al. 2018, arXiv 1802.10026.

    >>> bezier(torch.tensor([0.5]), 3).tolist()
    [[0.25, 0.5, 0.25]]
    """
    t, degree = t.double(), points - 1
    return torch.stack([comb(degree, k) * t**k * (1 - t) ** (degree - k) for k in range(points)], -1)


def polychain(t: Tensor, points: int = 3) -> Tensor:
    """Straight segments, each over an equal share of t.

    >>> polychain(torch.tensor([0.25]), 3).tolist()
    [[0.5, 0.5, 0.0]]
    """
    place = t.double()[:, None] * (points - 1) - torch.arange(points, dtype=torch.float64)
    return (1 - place.abs()).clamp_min(0)


SHAPES: dict[str, Shape] = {"linear": linear, "bezier": bezier, "polychain": polychain}
