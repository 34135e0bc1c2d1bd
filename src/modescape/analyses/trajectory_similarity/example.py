"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about

if TYPE_CHECKING:
    import xarray as xr

WITHIN = 0.06  # share of labels on which two late snapshots differ


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Similarity of the checkpoints of up to three trajectories, initialisation included."""
    kept = min(members, 3)
    epoch = np.arange(epochs + 1)
    time = np.log1p(epoch * 10 / max(epochs, 1))
    gap = np.abs(time[:, None] - time[None, :])
    cosine = np.stack([np.exp(-(0.5 + 0.05 * member) * gap) for member in range(kept)])
    different = WITHIN + 0.6 * np.stack([1 - np.exp(-(0.9 + 0.05 * member) * gap) for member in range(kept)])
    different[:, 0, :] = different[:, :, 0] = 0.89
    different[:, epoch, epoch] = 0
    dims = ("member", "epoch", "other_epoch")
    without = cosine.copy()  # a net without normalisation layers
    return results.make_result(
        {
            "cosine": (dims, cosine, "1", "cosine of the weights"),
            "cosine_without_batch_norm": (dims, without, "1", "cosine of the weights without normalisation layers"),
            "disagreement": (dims, different, "1", "share of test examples with different predicted labels"),
        },
        {"member": np.arange(kept), "epoch": epoch, "other_epoch": epoch},
        title="Similarity of the checkpoints of one run",
        **about(members),
    )
