"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Embedded trajectories: a common start, then an arm per member."""
    kept = min(members, 3)
    random = np.random.default_rng(3)
    time = np.linspace(0, 1, epochs + 1) ** 0.5
    coordinates = np.zeros((2, 2, kept, epochs + 1))  # method, axis, member, epoch
    for member in range(kept):
        angle = 2 * np.pi * member / 3 + 0.4
        arm = np.stack([time * np.cos(angle + 0.8 * time), time * np.sin(angle + 0.8 * time)])
        coordinates[0, :, member] = 25 * arm + random.normal(0, 0.4, arm.shape)
        coordinates[1, :, member] = 12 * arm + random.normal(0, 0.1, arm.shape)
    flat = coordinates.reshape(2, 2, -1)
    dims = ("approach", "model")
    share = np.array([[np.nan, np.nan], [0.412, 0.278]])
    return results.make_result(
        {
            "x": (dims, flat[:, 0], "1", "axis 0 of the embedding"),
            "y": (dims, flat[:, 1], "1", "axis 1 of the embedding"),
            "variance_share": (("approach", "draw"), share, "1", "share of variance of the axis"),
        },
        {
            "approach": ["t-SNE", "PCA"],
            "member": ("model", np.repeat(np.arange(kept), epochs + 1)),
            "epoch": ("model", np.tile(np.arange(epochs + 1), kept)),
            "draw": [0, 1],
        },
        title="Predictions of the checkpoints, embedded in the plane",
        **about(members, examples=1024),
        perplexity=10.0,
    )
