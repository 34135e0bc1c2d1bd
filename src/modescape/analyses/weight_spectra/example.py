"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about

if TYPE_CHECKING:
    import xarray as xr

LAYERS = ("conv1.weight", "conv2.weight", "dense.weight")


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Spectra that fall off, with one value far above the others in the last layer."""
    random = np.random.default_rng(0)
    place = np.arange(32)
    values = 2.0 * np.exp(-place / 12) * np.exp(random.normal(0, 0.03, (members, len(LAYERS), 32)))
    values[:, -1, 0] *= 2
    values[:, 0, 16:] = np.nan
    squares = np.square(values)
    total = np.nansum(squares, -1)
    shares = squares / total[..., None]
    dims = ("model", "layer")
    effective = np.exp(-np.nansum(shares * np.log(shares), -1))
    return results.make_result(
        {
            "singular_value": ((*dims, "eigenvalue"), values, "1", "singular values, the largest first"),
            "spectral_norm": (dims, values[..., 0], "1", "largest singular value"),
            "stable_rank": (dims, total / squares[..., 0], "1", "sum of their squares over the largest square"),
            "effective_rank": (dims, effective, "1", "exp of the entropy of the shares of their squares"),
            "above_random": (dims, np.ones(total.shape), "1", "singular values above the largest of a random matrix"),
        },
        {"model": [f"network-{row}" for row in range(members)], "layer": list(LAYERS), "eigenvalue": place},
        title="Singular values of the matrices of every network",
        **about(members, examples=0),
    )
