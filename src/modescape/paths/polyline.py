"""Points on a path of straight segments."""

from __future__ import annotations

import torch
from torch import Tensor

from modescape.errors import InputError


def arc_length(points: Tensor) -> Tensor:
    """Position of each point along the path, from 0 to 1 by length.

    Args:
        points: corners of the path, ends included, [point, parameter].

    Returns:
        float64 [point], rising from 0 to 1.

    Raises:
        InputError: with fewer than two points, or if all of them coincide.
    """
    if points.dim() != 2 or len(points) < 2:
        raise InputError(f"points has shape {list(points.shape)}; expected [point, parameter], two points or more")
    lengths = points.double().diff(dim=0).norm(dim=1)
    total = lengths.sum()
    if not total > 0:
        raise InputError("all points of the path are the same; expected two different ends")
    position = torch.cat([lengths.new_zeros(1), lengths.cumsum(0) / total])
    position[-1] = 1.0
    return position


def along(points: Tensor, t: Tensor) -> Tensor:
    """Points of the path at positions by length.

    Args:
        points: corners of the path, ends included, [point, parameter].
        t: positions, 0 to 1, [t].

    Returns:
        [t, parameter], in the dtype of ``points``.
    """
    position = arc_length(points)
    t = t.double().clamp(0, 1)
    piece = (torch.searchsorted(position, t, right=True) - 1).clamp(0, len(points) - 2)
    share = (t - position[piece]) / (position[piece + 1] - position[piece]).clamp(min=1e-300)
    start, end = points[piece].double(), points[piece + 1].double()
    return (start + share[:, None] * (end - start)).to(points.dtype)
