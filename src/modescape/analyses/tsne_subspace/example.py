"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import SUBSPACE, about, stated

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """An arm for each run; samples at its end, as far away as the method samples."""
    kept, samples = min(members, 3), 20
    random = np.random.default_rng(10)
    time = np.linspace(0, 1, epochs + 1) ** 0.5
    methods = [method for method in SUBSPACE if method != "mc_dropout"]
    x, y = [], []
    for number in range(len(methods)):
        paths, around = [], []
        for member in range(kept):
            angle = 2 * np.pi * member / 3 + number
            arm = 25 * np.stack([time * np.cos(angle + 0.8 * time), time * np.sin(angle + 0.8 * time)])
            paths.append(arm + random.normal(0, 0.3, arm.shape))
            around.append(arm[:, -1:] + random.normal(0, 0.7 + 0.5 * (number % 4), (2, samples)))
        both = np.concatenate([*paths, *around], axis=1)
        x.append(both[0])
        y.append(both[1])
    dims, epoch = ("approach", "model"), np.arange(epochs + 1)
    return results.make_result(
        {
            "x": (dims, np.stack(x), "1", "axis 0 of the embedding"),
            "y": (dims, np.stack(y), "1", "axis 1 of the embedding"),
            **stated(methods),
        },
        {
            "approach": methods,
            "member": ("model", np.concatenate([np.repeat(np.arange(kept), n) for n in (epochs + 1, samples)])),
            "epoch": ("model", np.concatenate([np.tile(epoch, kept), np.full(kept * samples, epochs)])),
            "is_sample": ("model", np.repeat([0, 1], [kept * (epochs + 1), kept * samples])),
        },
        title="Trajectories and samples around their solutions, embedded by their predictions",
        **about(kept, examples=512),
        split="test",
        samples=samples,
        perplexity=20.0,
    )
