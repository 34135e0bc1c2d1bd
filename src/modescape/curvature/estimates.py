"""Trace and diagonal of a matrix from its products with random vectors, with their errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from modescape import rng
from modescape.curvature.lanczos import Columns, Matrix, Same, times
from modescape.errors import InputError

LEVEL = 0.95  # of intervals


@dataclass(frozen=True, eq=False)
class Estimate:
    """An estimate from random vectors, with its uncertainty due to their choice.

    Attributes:
        value: the mean.
        standard_error: of the mean, over the random vectors.
        low: lower end of the interval (95 %, Student's t over the vectors).
        high: upper end.
        products: how many products with the matrix it took.
    """

    value: float
    standard_error: float
    low: float
    high: float
    products: int

    @classmethod
    def of(cls, samples: Tensor, products: int, exact: float = 0.0) -> Estimate:
        """The mean of ``samples`` [vector] plus an exactly known part."""
        values = samples.double()
        error = float(values.std() / math.sqrt(len(values)))
        mean, half = exact + float(values.mean()), student(len(values) - 1) * error
        return cls(mean, error, mean - half, mean + half, products)


def trace(matrix: Matrix, probes: int = 48, *, method: str = "hutch++", seed: int = 0) -> Estimate:
    """Estimate the sum of the eigenvalues.

    Hutchinson: mean of z' A z over vectors z of random signs. Hutch++: a third of the products finds the space of the
    largest eigenvalues, a third gives the trace in it exactly, a third estimates the rest by Hutchinson; its guarantee
    holds for positive semi-definite matrices. For others use the method with the smaller standard error.

    Args:
        matrix: symmetric, anything with ``shape`` and ``@``.
        probes: number of products; at least 4, or 9 for Hutch++.
        method: "hutchinson" or "hutch++".
        seed: of the random signs.

    Raises:
        InputError: if the method is unknown, or there are too few products.

    Source: Meyer et al. 2021, arXiv 2010.09649.
    """
    return traces(Same(matrix), probes, method=method, seed=seed)[0]


def traces(matrices: Columns, probes: int, *, method: str, seed: int) -> list[Estimate]:
    """`trace` of several matrices, from the same random vectors."""
    size, several = int(matrices.shape[0]), len(matrices)
    if method not in ("hutchinson", "hutch++"):
        raise InputError(f"there is no method {method!r}; choose hutchinson or hutch++")
    least = 4 if method == "hutchinson" else 9
    if probes < least:
        raise InputError(f"{probes} probes; {method} takes {least} or more")
    exact = torch.zeros(several, dtype=torch.float64)
    if method == "hutchinson":
        signs = _signs(matrices, probes, seed, 0).expand(several, -1, -1)
    else:
        third = min(probes // 3, size)
        rough = times(matrices, _signs(matrices, third, seed, 1).expand(several, -1, -1))
        space = torch.linalg.qr(rough)[0]
        exact = (space * times(matrices, space)).sum((1, 2)).double().cpu()
        signs = _signs(matrices, probes - 2 * third, seed, 0).expand(several, -1, -1)
        signs = signs - space @ (space.mT @ signs)
    samples = (signs * times(matrices, signs)).sum(1)
    return [Estimate.of(own, probes, float(part)) for own, part in zip(samples, exact, strict=True)]


def diagonal(matrix: Matrix, probes: int = 64, *, seed: int = 0, at_once: int = 16) -> tuple[Tensor, Tensor]:
    """Estimate the diagonal as the mean of z * (A z) over random signs z; with its standard error, [parameter] each.

    The error of entry i is the norm of the off-diagonal part of row i over the square root of ``probes``.

    Source: Bekas et al. 2007, "An estimator for the diagonal of a matrix".
    """
    if probes < 2:
        raise InputError(f"{probes} probes; expected 2 or more")
    total, square = 0.0, 0.0
    for start in range(0, probes, at_once):
        signs = _signs(matrix, min(at_once, probes - start), seed, 0, start)
        found = signs * (matrix @ signs)
        total, square = total + found.sum(1), square + found.square().sum(1)
    assert isinstance(total, Tensor)
    mean = total / probes
    variance = (square / probes - mean.square()).clamp_min(0) * probes / (probes - 1)
    return mean, (variance / probes).sqrt()


def student(freedom: int) -> float:
    """Half-width of an interval at `LEVEL`, in standard errors, by Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))


def dtype_of(matrix: Matrix | Columns) -> torch.dtype:
    """The dtype of a matrix's products; float64 if it does not state one."""
    return getattr(matrix, "dtype", torch.float64)


def _signs(matrix: Matrix | Columns, count: int, seed: int, purpose: int, start: int = 0) -> Tensor:
    """Random signs [parameter, probe], each probe from its own stream."""
    size, device = int(matrix.shape[0]), getattr(matrix, "device", torch.device("cpu"))
    keys = torch.tensor([rng.key(seed, "probe", purpose, number) for number in range(start, start + count)])
    bits = rng.words(keys.to(device), size) >= 0
    return (bits.to(dtype_of(matrix)) * 2 - 1).T
