"""Stochastic Lanczos quadrature: the whole spectrum estimated from a few Lanczos processes with random starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from modescape import rng
from modescape.curvature.estimates import Estimate, dtype_of, student
from modescape.curvature.lanczos import Columns, Matrix, Process, Same, kept
from modescape.errors import InputError

MEMORY = 1 << 30  # bytes of Lanczos vectors held at once
WEIGHTLESS = 1e-12  # Ritz values of less weight come from exhausted processes and are not part of the spectrum
RANGE, HEIGHT = 0.01, 1e-6  # default deviation over the range of Ritz values, and at least over the largest one


@dataclass(frozen=True, eq=False)
class SpectralDensity:
    """The distribution of the eigenvalues as a smooth density that integrates to 1.

    Attributes:
        t: points at which it is evaluated, float64 [point].
        density: mean over probes, [point].
        low: lower end of the interval over probes at each point (95 %, Student's t); not below 0.
        high: upper end.
        deviation: standard deviation of the Gaussian around each Ritz value.
        ritz: eigenvalues of each probe's tridiagonal matrix, ascending, [probe, step].
        weight: of each Ritz value, summing to 1 in each probe, [probe, step].
        error: |A v - value v| of each: a true eigenvalue is within this distance, [probe, step].
        traces: each probe's estimate of the sum of the eigenvalues, [probe].
    """

    t: Tensor
    density: Tensor
    low: Tensor
    high: Tensor
    deviation: float
    ritz: Tensor
    weight: Tensor
    error: Tensor
    traces: Tensor

    @property
    def trace(self) -> Estimate:
        """The sum of the eigenvalues, without further products.

        Each probe takes the trace within the space of the next probe's process exactly, and the rest from its own
        vector: Hutch++ with products that exist already. The probes' values are uncorrelated if there are three or
        more.
        """
        return Estimate.of(self.traces, self.ritz.numel())

    def ends(self, count: int, which: str = "top") -> tuple[Tensor, Tensor]:
        """The largest (descending) or smallest (ascending) eigenvalues and their errors, [eigenvalue] each.

        The k-th largest Ritz value of a process is at most the k-th largest eigenvalue, so the largest over all probes
        is taken. Repeated eigenvalues count once; both are NaN where no process has found so many.

        Raises:
            InputError: if there are fewer steps than ``count``, or ``which`` is unknown.
        """
        if which not in ("top", "bottom"):
            raise InputError(f"which is {which!r}; choose top or bottom")
        if not 0 < count <= self.ritz.shape[1]:
            raise InputError(f"{count} eigenvalues of {self.ritz.shape[1]} steps; expected 1 to as many as steps")
        sign = 1 if which == "top" else -1
        present = torch.where(self.weight > WEIGHTLESS, sign * self.ritz, -math.inf)
        falling, place = present.sort(1, descending=True)
        best = falling[:, :count].argmax(0, keepdim=True)
        errors = self.error.gather(1, place)[:, :count].gather(0, best)[0]
        values = falling[:, :count].gather(0, best)[0]
        there = values > -math.inf
        return torch.where(there, sign * values, math.nan), torch.where(there, errors, math.nan)

    def on(self, t: Tensor, deviation: float) -> SpectralDensity:
        """The same density at other points, with another deviation."""
        return _drawn(
            torch.as_tensor(t, dtype=torch.float64), deviation, self.ritz, self.weight, self.error, self.traces
        )


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
        probes: number of random vectors.
        steps: products per vector.
        t: where to evaluate; default: ``points`` from four deviations below all Ritz values to four above.
        points: how many points, by default.
        deviation: of the Gaussians; default: a hundredth of the range of the Ritz values.
        at_once: probes processed together, with one product per step; default: as many as fit in 1 GiB.
        seed: of the random vectors.

    Raises:
        InputError: if there are fewer than two probes or no step.

    Source: Ghorbani et al. 2019, arXiv 1901.10159.
    """
    own = {"t": t, "points": points, "deviation": deviation, "at_once": at_once, "seed": seed}
    with kept(matrix):
        return densities(Same(matrix), probes, steps, **own)[0]  # pyright: ignore[reportArgumentType]


def densities(
    matrices: Columns,
    probes: int,
    steps: int,
    *,
    t: Tensor | None = None,
    points: int = 1000,
    deviation: float | None = None,
    at_once: int | None = None,
    seed: int = 0,
) -> list[SpectralDensity]:
    """`spectral_density` of several matrices at once, from the same random vectors."""
    size, count = int(matrices.shape[0]), len(matrices)
    if probes < 2 or steps < 1:
        raise InputError(f"{probes} probes of {steps} steps; expected 2 probes or more, of 1 step or more")
    steps = min(steps, size)
    each = count * steps * size * torch.zeros(0, dtype=dtype_of(matrices)).element_size()
    together = at_once or max(1, min(probes, MEMORY // each))
    parts = []
    for start in range(0, probes, together):
        normal = [_normal(matrices, seed, number) for number in range(start, min(start + together, probes))]
        process = Process.begin(matrices.columns(len(normal)), torch.stack(normal * count))
        for _ in range(steps):
            process.step()
        values, vectors = process.ritz()
        error = (process.beside[-1][:, None] * vectors[:, -1]).abs()
        found = [values, vectors[:, 0].square(), error, _traces(process, len(normal))[:, None]]
        parts.append([one.cpu().unflatten(0, (count, len(normal))) for one in found])
    whole = [torch.cat(pieces, 1) for pieces in zip(*parts, strict=True)]
    densities = []
    for values, weights, error, traces in zip(*whole, strict=True):
        real = values[weights > WEIGHTLESS]
        span = float(real.max() - real.min())
        own = deviation or max(RANGE * span, HEIGHT * max(abs(float(real.max())), 1e-12))
        ends = float(real.min()) - 4 * own, float(real.max()) + 4 * own
        places = torch.linspace(*ends, points) if t is None else torch.as_tensor(t)
        densities.append(_drawn(places.double(), own, values, weights, error, traces[:, 0]))
    return densities


def _drawn(
    t: Tensor, deviation: float, values: Tensor, weights: Tensor, error: Tensor, traces: Tensor
) -> SpectralDensity:
    """The density at given points, and its interval over probes."""
    bells = torch.exp(-0.5 * ((t[:, None, None] - values) / deviation) ** 2)
    heights = (bells * weights).sum(-1).T / (deviation * math.sqrt(2 * math.pi))  # [probe, point]
    mean = heights.mean(0)
    half = student(len(values) - 1) * heights.std(0) / math.sqrt(len(values))
    ends = (mean - half).clamp_min(0), mean + half
    return SpectralDensity(t, mean, *ends, deviation, values, weights, error, traces)


def _traces(process: Process, probes: int) -> Tensor:
    """Each process's estimate of its matrix's trace, float64 [process]; see `SpectralDensity.trace`.

    In the space S of another process, with S' A S = T, the trace is that of T. Outside it, with the component
    w = z - S S' z of this process's vector z, it is (size - steps) w' A w / w' w, where A z is known from the first
    step.
    """
    size = process.basis.shape[2]
    diagonal = torch.stack(process.diagonal)  # [step, process]
    steps = len(diagonal)
    if probes < 3 or steps >= size:  # no independent space, or nothing outside it
        return size * diagonal[0] if steps < size else diagonal.sum(0)
    order = torch.arange(process.basis.shape[1]).view(-1, probes).roll(-1, 1).flatten()
    first, second = process.basis[0], process.basis[1]
    image = diagonal[0].to(first)[:, None] * first + process.beside[0].to(first)[:, None] * second
    space = process.basis[:steps, order]
    along, bent = (torch.einsum("spn,pn->ps", space, one).double() for one in (first, image))
    kept = (space.square().sum(2) > 0.5).sum(0).double()  # fewer for a process that exhausted its space
    inner = torch.einsum("ps,pst,pt->p", along, process.tridiagonal()[order], along)
    outside = diagonal[0] - 2 * (along * bent).sum(1) + inner
    length = (1 - along.square().sum(1)).clamp_min(torch.finfo(first.dtype).eps)
    return diagonal[:, order].sum(0) + (size - kept) * outside / length


def _normal(matrix: Columns, seed: int, number: int) -> Tensor:
    device = getattr(matrix, "device", torch.device("cpu"))
    key = torch.tensor(rng.key(seed, "spectral density", number), device=device)
    return rng.normal(key, int(matrix.shape[0])).to(dtype_of(matrix))
