"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import CROSSED, about
from modescape.covers import NEW

if TYPE_CHECKING:
    import xarray as xr

WITHIN, ACROSS = 0.06, 0.27  # share of labels on which two late snapshots, two solutions differ


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Similarity of the last checkpoints of different members: orthogonal weights, different labels."""
    random = np.random.default_rng(2)
    cosine = _symmetric(random.normal(0.004, 0.004, (members, members)), 1.0)
    disagreement = _symmetric(random.normal(ACROSS, 0.006, (members, members)), 0.0)
    accuracy = random.normal(0.688, 0.006, members)
    error = 1 - (accuracy[:, None] + accuracy[None, :]) / 2
    matrices = {
        "disagreement": disagreement,
        "normalized_disagreement": disagreement / error,
        "cosine": cosine,
        "cosine_without_batch_norm": cosine.copy(),  # a net without normalisation layers
    }
    above = np.triu_indices(members, 1)
    mean = np.array([m[above].mean() if members > 1 else np.nan for m in matrices.values()])
    half = np.array([0.006, 0.02, 0.002, 0.002])
    names = {
        "disagreement": "share of test examples with different predicted labels",
        "normalized_disagreement": "disagreement over the mean error of the two",
        "cosine": "cosine of the weights",
        "cosine_without_batch_norm": "cosine of the weights without normalisation layers",
    }
    pair = ("metric",)
    return results.make_result(
        {
            **{key: (("member", "other_member"), matrices[key], "1", names[key]) for key in matrices},
            "accuracy": (("member",), accuracy, "1", "accuracy"),
            "pair_mean": (pair, mean, "1", "mean over pairs of different members"),
            "pair_low": (pair, mean - half, "1", "lower end of the 95 % interval of the mean"),
            "pair_high": (pair, mean + half, "1", "upper end of the 95 % interval of the mean"),
            "last_epochs_disagreement": (
                ("member",),
                random.normal(WITHIN, 0.004, members),
                "1",
                "mean disagreement over pairs of the last kept epochs",
            ),
            "jensen_shannon": (("approach",), np.array([0.21, 0.03]), "nats", "Jensen-Shannon divergence"),
        },
        {
            "member": np.arange(members),
            "other_member": np.arange(members),
            "metric": list(matrices),
            "approach": ["independent", "snapshots"],
        },
        title="Similarity of independent solutions",
        **about(members, intervals=CROSSED),
        covers=NEW,
    )


def _symmetric(values: np.ndarray, diagonal: float) -> np.ndarray:
    above = np.triu(values, 1)
    matrix = above + above.T
    np.fill_diagonal(matrix, diagonal)
    return matrix
