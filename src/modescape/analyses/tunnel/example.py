"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """A hill on the straight line, level ground in the tunnel; the function changes half-way."""
    t, radius = np.linspace(0, 1, 21), np.linspace(0, 1.25, 11)
    hill = 4 * t * (1 - t)
    loss = np.stack([0.92 + 1.35 * hill**2, 0.92 + 0.09 * hill])
    train_loss = np.stack([0.35 + 1.9 * hill**2, 0.35 + 0.06 * hill])
    accuracy = np.stack([0.718 - 0.58 * hill**1.5, 0.718 - 0.014 * hill])
    swap = 1 / (1 + np.exp((t - 0.5) / 0.07))
    ends = np.stack([swap, 1 - swap, np.full(len(t), 0.0)])
    own = 0.12 * hill * np.array([[1], [1], [1]])
    straight = np.clip(np.stack([1 - 2.6 * t, 1 - 2.6 * (1 - t), np.zeros(len(t))]), 0, 1)
    similarity = np.stack([straight, np.clip(ends - own + 0.04, 0, 1)])
    similarity[:, 0, 0] = similarity[:, 1, -1] = 1
    agreement = 1 - (1 - similarity) * (1 - accuracy[:, None])
    grown = 1 / (1 + np.exp(-(radius[:, None] - 0.45) / 0.06))
    triangle = 0.1 + (accuracy[1] - 0.1) * grown
    likeness = similarity[1, :2, None] * grown * np.exp(-(((radius[:, None] - 1) / 0.8) ** 2))
    dims, kinds = ("approach", "t"), ("approach", "member", "t")
    known = max(2, min(members, 3))
    barrier = np.stack([train_loss.max(1) - train_loss[:, 0], loss.max(1) - loss[:, 0]], axis=1)
    return results.make_result(
        {
            "loss": (dims, loss, "nats", "loss on test images"),
            "accuracy": (dims, accuracy, "1", "accuracy on test images"),
            "train_loss": (dims, train_loss, "nats", "loss on training images"),
            "agreement": (kinds, agreement[:, :known], "1", "share of examples with the solution's label"),
            "similarity": (kinds, similarity[:, :known], "1", "max(0, 1 - d / (1 - accuracy))"),
            "triangle_accuracy": (("y", "x"), triangle, "1", "accuracy on the stitched triangles"),
            "triangle_similarity": (("other_member", "y", "x"), likeness, "1", "similarity to each end there"),
            "barrier": (("approach", "metric"), barrier, "nats", "height above the line between the ends' losses"),
            "control": (("other_member",), np.zeros(2), "1", "difference at the ends"),
        },
        {
            "approach": ["straight", "tunnel"],
            "t": t,
            "member": np.arange(known),
            "other_member": np.arange(2),
            "x": t,
            "y": radius,
            "metric": ["train_loss", "loss"],
        },
        title="A low-loss path between two solutions",
        **about(known, examples=1000),
        split="test",
        batch_norm="recompute",
        unrelated="2" if known == 3 else "none: the study has two members",
    )
