"""Spectra of the Hessian at solutions and along a run, as variables of a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from modescape.curvature import Estimate, SpectralDensity, spectral_density_at
from modescape.curvature.density import WEIGHTLESS
from modescape.errors import InputError
from modescape.landscape import Landscape
from modescape.types import Params

if TYPE_CHECKING:
    from modescape.analyses.stating import Variables

TOGETHER = 16  # points whose Lanczos vectors are in memory at once, if stacked
HEIGHT = 0.01  # width of the Gaussians around eigenvalues, relative to the range of all
MARGIN = 4  # Gaussian widths beyond the range
NATS = "nats per squared unit of weight"
Spectra = Sequence["SpectralDensity | None"]


def spectra(
    field: Landscape, points: Sequence[Params], probes: int, steps: int, tell: Callable[[int], None]
) -> list[SpectralDensity | None]:
    """Spectra of the Hessian at each point, from the same vectors; None where the loss or a derivative is not finite.

    Args:
        field: the loss.
        points: all tensors of each.
        probes: random vectors.
        steps: products of each.
        tell: called with the number of points that are done.
    """
    found: list[SpectralDensity | None] = []
    size = TOGETHER if field.stack else 1
    for start in range(0, len(points), size):
        some = points[start : start + size]
        good = [point for point, value in zip(some, field.values(some), strict=True) if np.isfinite(value)]
        known = iter(_of_finite(field, good, probes, steps))
        found += [next(known) if any(point is one for one in good) else None for point in some]
        tell(len(some))
    return found


def _of_finite(field: Landscape, points: list[Params], probes: int, steps: int) -> list[SpectralDensity | None]:
    """`spectra` for points with finite losses."""
    if not points:
        return []
    try:
        return list(spectral_density_at(field, points, probes, steps, points=2))
    except InputError:  # a derivative is not
        if len(points) == 1:
            return [None]
        return [one for point in points for one in _of_finite(field, [point], probes, steps)]


def densities(found: Spectra, points: int) -> tuple[Variables, np.ndarray, float]:
    """Densities of the solutions at common positions [x], the positions, and the width of the Gaussians."""
    known = [one.ritz[one.weight > WEIGHTLESS] for one in found if one is not None]
    ends = (float(torch.cat(known).min()), float(torch.cat(known).max())) if known else (0.0, 1.0)
    deviation = HEIGHT * max(ends[1] - ends[0], 1e-12)
    x = torch.linspace(ends[0] - MARGIN * deviation, ends[1] + MARGIN * deviation, max(points, 2), dtype=torch.float64)
    values = np.full((3, len(found), len(x)), np.nan)
    for row, one in enumerate(found):
        if one is not None:
            drawn = one.on(x, deviation)
            values[:, row] = np.stack([drawn.density.numpy(), drawn.low.numpy(), drawn.high.numpy()])
    names = {"density": "", "density_low": ", lower end of the interval", "density_high": ", upper end of the interval"}
    text = "density of the eigenvalues of the Hessian, integral 1"
    variables: Variables = {
        name: (("member", "x"), own, "1", text + end) for own, (name, end) in zip(values, names.items(), strict=True)
    }
    return variables, x.numpy(), deviation


def ends(found: Spectra, count: int, dim: str, prefix: str = "") -> Variables:
    """The largest eigenvalues, the smallest, and the trace, of points along ``dim``; NaN where unknown.

    Args:
        found: of the points.
        count: largest eigenvalues.
        dim: of the result.
        prefix: of the variables' names.
    """
    largest = np.full((2, len(found), count), np.nan)
    smallest, traces = np.full((2, len(found)), np.nan), np.full((3, len(found)), np.nan)
    for row, one in enumerate(found):
        if one is None:
            continue
        there = min(count, one.ritz.shape[1])
        largest[:, row, :there] = np.stack([part.numpy() for part in one.ends(there)])
        smallest[:, row] = [float(part) for part in one.ends(1, "bottom")]
        trace: Estimate = one.trace
        traces[:, row] = trace.value, trace.low, trace.high
    off = "at most so far from a true one"
    return {
        f"{prefix}largest": ((dim, "eigenvalue"), largest[0], NATS, "largest eigenvalues of the Hessian, falling"),
        f"{prefix}largest_error": ((dim, "eigenvalue"), largest[1], NATS, off),
        f"{prefix}smallest": ((dim,), smallest[0], NATS, "smallest eigenvalue of the Hessian"),
        f"{prefix}smallest_error": ((dim,), smallest[1], NATS, off),
        f"{prefix}trace": ((dim,), traces[0], NATS, "sum of all eigenvalues"),
        f"{prefix}trace_low": ((dim,), traces[1], NATS, "lower end of its 95 % interval over random vectors"),
        f"{prefix}trace_high": ((dim,), traces[2], NATS, "upper end of its 95 % interval over random vectors"),
    }
