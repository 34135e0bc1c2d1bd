"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """A wedge of high accuracy around each ray, nothing between them; similarity to a solution in its own wedge."""
    radius, angle = np.linspace(0, 2, 21), np.linspace(-27, 117, 25)
    away = [angle[:, None] - ray for ray in (0.0, 90.0)]
    grown = 1 / (1 + np.exp(-(radius - 0.45) / 0.06))
    fading = np.clip(1 - 0.25 * np.clip(radius - 1, 0, None), 0, 1)
    wedge = [np.exp(-((off / 21) ** 4)) * grown for off in away]
    accuracy = 0.1 + 0.06 * grown + 0.6 * np.maximum(*wedge) * fading**0.3
    similarity = np.stack([np.exp(-((off / 15) ** 2)) * np.exp(-(((radius - 1) / 0.9) ** 2)) * grown for off in away])
    agreement = 1 - (1 - similarity) * (1 - accuracy)
    calm = 2.3 - 2.3 * (accuracy - 0.1) / 0.9
    nll = calm + 0.5 * (radius - 1) ** 2 * radius * (1 - accuracy)
    time = np.linspace(0, 1, epochs + 1)
    path = 0.14 + 0.86 * time**0.7
    random = np.random.default_rng(11)
    samples = np.array([[1.0], [0.0]]) + random.normal(0, 0.1, (2, 30))
    pair = ("member", "y", "x")
    return results.make_result(
        {
            "accuracy": (("y", "x"), accuracy, "1", "accuracy"),
            "nll": (("y", "x"), nll, "nats", "loss"),
            "nll_best_temperature": (("y", "x"), calm, "nats", "loss at the temperature that suits the point best"),
            "agreement": (pair, agreement, "1", "share of examples with the solution's label"),
            "similarity": (pair, similarity, "1", "max(0, 1 - d / (1 - accuracy))"),
            "control": (("member",), np.zeros(2), "1", "difference at the solution"),
            "path_x": (("member", "epoch"), np.stack([path, 0.02 * time]), "1", "trajectory, along solution 1"),
            "path_y": (("member", "epoch"), np.stack([0.02 * time * (1 - time), path]), "1", "trajectory, the rest"),
            "sample_x": (("draw",), samples[0], "1", "Gaussian samples around solution 1, magnified"),
            "sample_y": (("draw",), samples[1], "1", "Gaussian samples around solution 1, magnified"),
        },
        {"member": [0, 1], "x": radius, "y": angle, "epoch": np.arange(epochs + 1), "draw": np.arange(30)},
        title="The plane through the origin and two solutions, in polar coordinates",
        **about(2, examples=1000),
        split="test",
        magnified=100.0,
        sample_scale=1.0,
        sample_distance=0.02,
        batch_norm="recompute",
    )
