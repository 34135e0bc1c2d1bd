"""Singular values of the matrices of every member's solution, layer by layer, against those of random matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.given import names_of
from modescape.analyses.requirements import left_out, trained, weights_of
from modescape.offered import Offered
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

WHAT = "the spectra of weights"
LARGEST = 4096  # smaller side of a matrix; larger ones are left out
TRACY_WIDOM = 3.27  # .999 quantile of the law of the largest eigenvalue, real numbers
PLACES = ("model", "layer")


def measure(offered: Offered, *, values: int = 32) -> xr.Dataset:
    """Singular values of W [unit, input]; a convolution's kernel is a matrix [filter, all inputs of a filter].

    Stable rank |W|_F^2 / s_1^2; effective rank exp(H) with the entropy H of the shares s_i^2 / |W|_F^2 (Roy and
    Vetterli 2007). A matrix of independent entries of the same mean square s^2 has its largest singular value near
    s (sqrt(units) + sqrt(inputs)) (Marchenko and Pastur 1967): values above its .999 quantile (Johnstone
    2001) were learnt.

    Args:
        offered: checkpoints of one member or more.
        values: the largest singular values of each matrix that are kept.

    Raises:
        NotEnough: if there is no member.
    """
    members = trained(offered, 1, WHAT)
    checkpoints = weights_of(offered, WHAT)
    names = names_of(offered)
    spectra = [_spectra(checkpoints.solution(member).params) for member in members]
    layers = list(spectra[0])
    found = np.full((len(members), len(layers), values), np.nan)
    numbers = np.zeros((4, len(members), len(layers)))
    for row, own in enumerate(spectra):
        for column, name in enumerate(layers):
            singular, most = own[name]
            kept = singular[:values]
            found[row, column, : len(kept)] = kept
            numbers[:, row, column] = _numbers(singular, most)
    largest, stable, effective, above = numbers
    return make_result(
        {
            "singular_value": (
                (*PLACES, "eigenvalue"),
                found,
                "1",
                "singular values, the largest first; NaN where none",
            ),
            "spectral_norm": (PLACES, largest, "1", "largest singular value"),
            "stable_rank": (PLACES, stable, "1", "sum of their squares over the largest square"),
            "effective_rank": (PLACES, effective, "1", "exp of the entropy of the shares of their squares"),
            "above_random": (PLACES, above, "1", "singular values above the largest of a random matrix"),
        },
        {"model": names, "layer": layers, "eigenvalue": np.arange(values)},
        title="Singular values of the matrices of every network",
        intervals="none",
        provenance=offered.provenance(examples=0, members=len(members), repeats=1),
        left_out=left_out(offered),
    )


def _spectra(params: dict) -> dict[str, tuple[np.ndarray, float]]:
    """Singular values of each matrix, descending, and the largest to expect of a random one."""
    found = {}
    for name, tensor in params.items():
        matrix = tensor.double().numpy().reshape(len(tensor), -1) if tensor.dim() >= 2 else np.zeros((0, 0))
        if not 2 <= min(matrix.shape) <= LARGEST:
            continue
        small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
        singular = np.sqrt(np.maximum(np.linalg.eigvalsh(small)[::-1], 0))
        found[name] = singular, float(np.sqrt(np.square(matrix).mean()) * edge(*matrix.shape))
    return found or {"none": (np.zeros(1), 0.0)}


def edge(rows: int, columns: int) -> float:
    """The .999 quantile of the largest singular value of a matrix of independent entries of mean square 1."""
    long, short = np.sqrt(max(rows, columns) - 1.0), np.sqrt(float(min(rows, columns)))
    spread = (long + short) * (1 / long + 1 / short) ** (1 / 3)
    return float(np.sqrt((long + short) ** 2 + TRACY_WIDOM * spread))


def _numbers(singular: np.ndarray, most: float) -> tuple[float, float, float, float]:
    """Largest, stable rank, effective rank, and how many lie above the edge."""
    squares = np.square(singular)
    total, largest = float(squares.sum()), float(singular[0])
    if not total:
        return 0.0, 0.0, 0.0, 0.0
    shares = squares[squares > 0] / total
    return largest, total / largest**2, float(np.exp(-(shares * np.log(shares)).sum())), float((singular > most).sum())
