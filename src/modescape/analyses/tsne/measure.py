"""Embedding of checkpoints in the plane by their predictions: t-SNE, and PCA, which preserves distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import rng
from modescape.analyses.likeness import LIKENESS
from modescape.analyses.requirements import left_out, trajectories
from modescape.errors import NotEnough
from modescape.functionspace import embed_pca, embed_tsne
from modescape.functionspace.embedding import MAX_PERPLEXITY
from modescape.offered import Offered, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


LEAST = 4  # fewest checkpoints for t-SNE


def measure(offered: Offered, *, examples: int = 1024, perplexity: float | None = None) -> xr.Dataset:
    """Embed the checkpoints of every trajectory by their probabilities on the first test examples, flattened.

    For a regression by the predicted means in standard deviations of the targets.

    Args:
        offered: predictions of test examples, along whole runs.
        examples: test examples, from the first on (all of them where there are fewer).
        perplexity: of t-SNE (number of neighbours); None = min(30, (checkpoints - 1) / 3), which suits few points.

    Raises:
        NotEnough: if there are fewer than 4 checkpoints of trajectories.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 2c (t-SNE alone).
    """
    predictions, along = trajectories(offered, "test", "the embedding")
    models = [model for run in along.values() for model in run]
    if len(models) < LEAST:
        raise NotEnough(f"the embedding needs {LEAST} checkpoints or more; the kept trajectories have {len(models)}")
    if perplexity is None:
        perplexity = min(MAX_PERPLEXITY, (len(models) - 1) / 3)
    label = predictions.label[:examples]
    features = LIKENESS[offered.task].features(stacked(predictions, models, slice(examples)), label)
    seed = rng.key(offered.seed, "tsne") % (1 << 32)
    coordinates, share = embed_pca(features)
    places = np.stack([embed_tsne(features, perplexity, seed).astype(np.float64), coordinates])
    shares = np.stack([np.full(2, np.nan), share])
    dims = ("approach", "model")
    return make_result(
        {
            "x": (dims, places[..., 0], "1", "axis 0 of the embedding"),
            "y": (dims, places[..., 1], "1", "axis 1 of the embedding"),
            "variance_share": (("approach", "draw"), shares, "1", "share of the variance along the axis"),
        },
        {
            "approach": ["t-SNE", "PCA"],
            "member": ("model", predictions.members[models]),
            "epoch": ("model", predictions.epochs[models]),
            "draw": [0, 1],
        },
        title="Predictions of the checkpoints, embedded in the plane",
        intervals="none",
        provenance=offered.provenance(examples=len(label), members=len(along), repeats=1),
        left_out=left_out(offered, trajectories_alone=True),
        split="test",
        perplexity=float(perplexity),
        tsne_seed=seed,
    )
