"""Trace, diagonal and spectral density of a matrix from its products with random vectors, with their errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from modescape import rng
from modescape.curvature.lanczos import Matrix, Process, kept
from modescape.errors import InputError

MEMORY = 1 << 30  # bytes of Lanczos vectors that are held at once
LEVEL = 0.95  # of intervals


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number from random vectors, with what their choice may have done to it.

    Attributes:
        value: the mean.
        standard_error: of it, over the random vectors.
        low: end of the interval (95 %, Student's t over the vectors).
        high: the other.
        products: with the matrix.
    """

    value: float
    standard_error: float
    low: float
    high: float
    products: int


def trace(matrix: Matrix, probes: int = 48, *, method: str = "hutch++", seed: int = 0) -> Estimate:
    """The sum of the eigenvalues.

    Hutchinson: mean of z A z over random signs z. Hutch++: a third of the products finds the space of the largest
    eigenvalues, a third gives the trace in it exactly, a third estimates the rest by Hutchinson; its guarantee is for
    matrices without negative eigenvalues, of others take the smaller standard error.

    Args:
        matrix: symmetric, anything with ``shape`` and ``@``.
        probes: products in all; 4 or more, 9 of Hutch++.
        method: "hutchinson" or "hutch++".
        seed: of the stream of signs.

    Raises:
        InputError: if the method is none, or there are too few products.

    Source: Meyer et al. 2021, arXiv 2010.09649.
    """
    size = int(matrix.shape[0])
    if method not in ("hutchinson", "hutch++"):
        raise InputError(f"there is no method {method!r}; choose hutchinson or hutch++")
    least = 4 if method == "hutchinson" else 9
    if probes < least:
        raise InputError(f"{probes} probes; {method} takes {least} or more")
    if method == "hutchinson":
        signs = _signs(matrix, probes, seed, 0)
        return _estimate((signs * (matrix @ signs)).sum(0), 0.0, probes)
    third = min(probes // 3, size)
    space = torch.linalg.qr(matrix @ _signs(matrix, third, seed, 1))[0]
    exact = float((space * (matrix @ space)).sum())
    signs = _signs(matrix, probes - 2 * third, seed, 0)
    rest = signs - space @ (space.T @ signs)
    return _estimate((rest * (matrix @ rest)).sum(0), exact, probes)


def diagonal(matrix: Matrix, probes: int = 64, *, seed: int = 0, at_once: int = 16) -> tuple[Tensor, Tensor]:
    """The diagonal, by means of z (A z) over random signs z, and its standard error; [parameter] each.

    The error of entry i is the length of the rest of row i over the root of the probes.

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


@dataclass(frozen=True, eq=False)
class SpectralDensity:
    """How the eigenvalues are spread: a smooth density that integrates to 1.

    Attributes:
        t: where it is evaluated, float64 [point].
        density: mean over probes [point].
        low: end of the interval over probes at each point (95 %, Student's t); not below 0.
        high: the other.
        deviation: standard deviation of the Gaussian that each eigenvalue is drawn as.
        ritz: eigenvalues of each probe's tridiagonal matrix [probe, step].
        weight: of each, which sum to 1 in a probe [probe, step].
    """

    t: Tensor
    density: Tensor
    low: Tensor
    high: Tensor
    deviation: float
    ritz: Tensor
    weight: Tensor


def spectral_density(
    matrix: Matrix,
    probes: int = 8,
    steps: int = 60,
    *,
    t: Tensor | None = None,
    points: int = 1000,
    deviation: float | None = None,
    at_once: int | None = None,
    seed: int = 0,
) -> SpectralDensity:
    """The density of the spectrum by stochastic Lanczos quadrature.

    phi(t) = mean over probes of sum_i w_i Gaussian(t - r_i, sd), r_i the Ritz values of a Lanczos process from a random
    unit vector and w_i the squared first components of their vectors.

    Args:
        matrix: symmetric, anything with ``shape`` and ``@``.
        probes: random vectors.
        steps: products of each.
        t: where to evaluate; default: ``points`` over all Ritz values and four deviations beyond.
        points: of the default.
        deviation: of the Gaussians; default: a hundredth of the range of the Ritz values.
        at_once: probes that go together, one product with all of them a step; default: what fits in 1 GiB.
        seed: of the stream of vectors.

    Raises:
        InputError: if there are fewer than two probes or no step.

    Source: Ghorbani et al. 2019, arXiv 1901.10159.
    """
    size = int(matrix.shape[0])
    if probes < 2 or steps < 1:
        raise InputError(f"{probes} probes of {steps} steps; expected 2 or more of 1 or more")
    steps = min(steps, size)
    each = steps * size * torch.zeros(0, dtype=_dtype(matrix)).element_size()
    together = at_once or max(1, min(probes, MEMORY // each))
    ritz, weight = [], []
    with kept(matrix):
        for start in range(0, probes, together):
            normal = [_normal(matrix, seed, number) for number in range(start, min(start + together, probes))]
            process = Process.begin(matrix, torch.stack(normal))
            for _ in range(steps):
                process.step()
            values, vectors = process.ritz()
            ritz.append(values.cpu())
            weight.append(vectors[:, 0].square().cpu())
    values, weights = torch.cat(ritz), torch.cat(weight)
    real = values[weights > 1e-12]
    span = float(real.max() - real.min())
    own = deviation or max(span / 100, 1e-6 * max(abs(float(real.max())), 1e-12))
    if t is None:
        t = torch.linspace(float(real.min()) - 4 * own, float(real.max()) + 4 * own, points, dtype=torch.float64)
    places = torch.as_tensor(t, dtype=torch.float64)
    heights = torch.stack([_smooth(places, *one, own) for one in zip(values, weights, strict=True)])  # [probe, point]
    mean = heights.mean(0)
    half = _student(probes - 1) * heights.std(0) / math.sqrt(probes)
    return SpectralDensity(places, mean, (mean - half).clamp_min(0), mean + half, own, values, weights)


def _smooth(t: Tensor, values: Tensor, weights: Tensor, deviation: float) -> Tensor:
    bells = torch.exp(-0.5 * ((t[:, None] - values) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))
    return bells @ weights


def _estimate(samples: Tensor, exact: float, products: int) -> Estimate:
    values = samples.double()
    error = float(values.std() / math.sqrt(len(values)))
    mean, half = exact + float(values.mean()), _student(len(values) - 1) * error
    return Estimate(mean, error, mean - half, mean + half, products)


def _student(freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))


def _dtype(matrix: Matrix) -> torch.dtype:
    return getattr(matrix, "dtype", torch.float64)


def _signs(matrix: Matrix, count: int, seed: int, purpose: int, start: int = 0) -> Tensor:
    """Random signs [parameter, probe], each probe from its own stream."""
    size, device = int(matrix.shape[0]), getattr(matrix, "device", torch.device("cpu"))
    keys = torch.tensor([rng.key(seed, "probe", purpose, number) for number in range(start, start + count)])
    bits = rng.words(keys.to(device), size) >= 0
    return (bits.to(_dtype(matrix)) * 2 - 1).T


def _normal(matrix: Matrix, seed: int, number: int) -> Tensor:
    device = getattr(matrix, "device", torch.device("cpu"))
    key = torch.tensor(rng.key(seed, "spectral density", number), device=device)
    return rng.normal(key, int(matrix.shape[0])).to(_dtype(matrix))
