"""Curvature at many points of one landscape: solutions, epochs of a trajectory, points of a path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modescape.curvature.density import SpectralDensity, densities
from modescape.curvature.estimates import Estimate, traces
from modescape.curvature.lanczos import Eigenpairs, eigenvalues_of_several
from modescape.curvature.operators import hessian
from modescape.curvature.sharpness import Sharpness, Value, sharpness
from modescape.curvature.together import Landscape, Make, each


def eigenvalues_at(
    landscape: Landscape,
    points: Sequence[Any],
    /,
    count: int = 10,
    *,
    which: str = "top",
    tolerance: float = 1e-4,
    steps: int | None = None,
    seed: int = 0,
    matrix: Make = hessian,
    **going: Any,
) -> list[Eigenpairs]:
    """`eigenvalues` at each point; batch-norm statistics are those of each point, by the landscape's policy.

    Args:
        landscape: of the loss.
        points: tensors by name, of one architecture.
        count: see `eigenvalues`, as for all settings that follow.
        which: see there.
        tolerance: see there.
        steps: see there.
        seed: see there.
        matrix: `hessian`, `ggn`, `fisher`, or any function (landscape, point) -> operator.
        **going: how points are processed together (`together.each`): ``stack``, ``keep``.
    """
    own: dict[str, Any] = {"which": which, "tolerance": tolerance, "steps": steps, "seed": seed}
    return each(landscape, points, lambda some: eigenvalues_of_several(some, count, **own), matrix, **going)


def trace_at(
    landscape: Landscape,
    points: Sequence[Any],
    /,
    probes: int = 48,
    *,
    method: str = "hutch++",
    seed: int = 0,
    matrix: Make = hessian,
    **going: Any,
) -> list[Estimate]:
    """`trace` at each point, from the same random vectors; see `eigenvalues_at`."""
    return each(landscape, points, lambda some: traces(some, probes, method=method, seed=seed), matrix, **going)


def spectral_density_at(
    landscape: Landscape,
    points: Sequence[Any],
    /,
    probes: int = 8,
    steps: int = 60,
    *,
    seed: int = 0,
    matrix: Make = hessian,
    stack: bool | None = None,
    **drawn: Any,
) -> list[SpectralDensity]:
    """`spectral_density` at each point, from the same random vectors; see `eigenvalues_at`.

    The same products give `SpectralDensity.trace` and the extreme eigenvalues (`SpectralDensity.ends`).
    ``drawn`` are passed to `spectral_density`.
    """

    def found(some: Any) -> list[SpectralDensity]:
        return densities(some, probes, steps, seed=seed, **drawn)

    return each(landscape, points, found, matrix, stack=stack)


def sharpness_at(field: Value, points: Sequence[Any], radius: float = 0.05, **settings: Any) -> list[Sharpness]:
    """`sharpness` of a landscape at each point, with its settings."""
    return [sharpness(field, point, radius, **settings) for point in points]
