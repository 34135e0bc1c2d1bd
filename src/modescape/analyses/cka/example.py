"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import CROSSED, about, interval
from modescape.covers import NEW

if TYPE_CHECKING:
    import xarray as xr

LAYERS = {
    "conv1": "Conv2d",
    "layer1.0": "BasicBlock",
    "layer2.0": "BasicBlock",
    "layer3.0": "BasicBlock",
    "fc": "Linear",
}


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Early layers alike in all members and soon, later ones less; the third does not vary in the second member."""
    random = np.random.default_rng(4)
    depth = np.arange(len(LAYERS))
    near = np.exp(-0.45 * np.abs(depth[:, None] - depth))
    alike = np.array([0.96, 0.9, 0.82, 0.72, 0.86])
    same = np.clip(alike + random.normal(0, 0.02, (members, members, len(depth))), 0, 1)
    same = (same + same.transpose(1, 0, 2)) / 2
    same[range(members), range(members)] = 1
    same[1:2, :, 2] = same[:, 1:2, 2] = np.nan
    before = np.array([0.93, 0.8, 0.66, 0.6, np.nan])
    step = np.arange(epochs + 1) / max(epochs, 1)
    along = np.full((members, epochs + 1, len(depth)), np.nan)
    along[:3] = 1 - np.outer(1 - step, 0.15 + 0.15 * depth) ** 2
    pair, layer = ("layer", "other_layer"), ("layer",)
    means = {
        "same_layer_mean": (alike, 0.02),
        "same_layer_start": (before, 0.04),
        "same_layer_change": (alike - before, 0.05),
    }
    return results.make_result(
        {
            "cka": (pair, near * np.sqrt(np.outer(alike, alike)), "1", "CKA of two layers of different members"),
            "cka_within": (pair, near, "1", "CKA of two layers of one member"),
            "same_layer": (("member", "other_member", "layer"), same, "1", "CKA of a layer in two members"),
            **{name: (layer, value, "1", "CKA, mean over pairs") for name, (value, _) in means.items()},
            **{
                key: one
                for name, (value, half) in means.items()
                for key, one in interval(name, layer, value, half, "1").items()
            },
            "along": (("member", "epoch", "layer"), along, "1", "CKA with the same layer at the last checkpoint"),
        },
        {
            **{"member": np.arange(members), "other_member": np.arange(members), "epoch": np.arange(epochs + 1)},
            **{"layer": list(LAYERS), "other_layer": list(LAYERS), "kind": ("layer", list(LAYERS.values()))},
        },
        title="Centred kernel alignment of layers",
        **about(members, examples=1024, intervals=CROSSED),
        covers=NEW,
        split="test",
        batches=8,
        batch_norm="stored",
        tokens=0,
    )
