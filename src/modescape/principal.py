"""Principal directions of a few long vectors."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Principal(NamedTuple):
    """Principal components of a few vectors; float64."""

    mean: Tensor  # [parameter]
    directions: Tensor  # orthogonal unit vectors, [direction, parameter]
    deviation: Tensor  # standard deviation along each, in descending order, [direction]


def principal_directions(rows: Tensor, rank: int) -> Principal:
    """Compute the mean, unit principal directions and the standard deviations along them.

    There are far fewer rows than columns, so the eigenvectors of the small Gram matrix [row, row] give those of
    the covariance: with centred rows A and A A^T u = l u, the direction is A^T u / sqrt(l) and the variance l / n (of
    n rows; scikit-learn's PCA, which the paper's authors use, divides by n - 1). In each direction the entry of
    largest magnitude is positive, which fixes the sign.

    Args:
        rows: [row, parameter].
        rank: most directions; directions without variance are left out.
    """
    rows = rows.double()
    mean = rows.mean(0)
    centred = rows - mean
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    order = values.argsort(descending=True)[:rank]
    values, vectors = values[order], vectors[:, order]
    real = values > values.new_tensor(1e-12) * values.max().clamp(min=torch.finfo(values.dtype).tiny)
    values, vectors = values[real], vectors[:, real]
    directions = (centred.T @ vectors / values.sqrt()).T
    if len(directions):
        largest = directions.abs().argmax(1)
        directions *= directions.gather(1, largest[:, None]).sign()
    return Principal(mean, directions, (values / len(rows)).sqrt())
