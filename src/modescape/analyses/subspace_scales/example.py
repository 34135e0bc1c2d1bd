"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import ALONE, SUBSPACES, WITHIN, about, interval, stated
from modescape.covers import NEW_DRAWS

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """A sweep of each method's scale: small distances help, large ones destroy the network."""
    steps = 8
    best = {"random": 0.12, "dropout": 0.075, "diagonal": 0.2, "low_rank": 0.16, "low_rank_scaled": 0.25}
    best |= {"pca_random": 0.1, "swag": 0.22}
    distance = np.stack([best[method] * 2.0 ** (np.arange(steps) - 4.5) for method in SUBSPACES])
    gain = np.array([WITHIN[method][1] for method in SUBSPACES])[:, None]
    ratio = distance / np.array(list(best.values()))[:, None]
    nll = ALONE[1] + 0.02 + gain * 2 * ratio / (1 + ratio**2) + 0.1 * ratio**3 / 4
    accuracy = ALONE[0] - 0.01 - 0.02 * ratio**2 / (1 + 0.05 * ratio**2)
    accepted = np.where(np.array(SUBSPACES)[:, None] == "random", np.clip(1.3 - 0.2 * ratio**2, 0, 1), np.nan)
    scale = np.stack([10.0 * 2.0 ** (np.arange(steps) - 4) * (place + 1) for place in range(len(SUBSPACES))])
    chosen = np.argmin(nll, axis=1)
    dims = ("approach", "draw")
    return results.make_result(
        {
            "step": (dims, distance, "1", "distance of samples from their centre"),
            **stated(SUBSPACES),
            "scale": (dims, scale, "1", "setting of the method"),
            "distance": (dims, distance, "1", "distance of samples over the length of the solution"),
            "nll": (dims, nll, "nats", "validation loss of the ensemble of samples"),
            "accuracy": (dims, accuracy, "1", "mean validation accuracy of a sample"),
            "accepted": (dims, accepted, "1", "share of draws above the threshold"),
            "chosen": (("approach",), chosen, "1", "step with the lowest loss"),
            **interval("chosen", ("approach",), chosen, 1, "1"),
            "edge": (("approach",), np.zeros(len(SUBSPACES), int), "1", "1 where the last step is the best"),
        },
        {"approach": list(SUBSPACES), "draw": np.arange(steps)},
        title="Scale of each subspace method, chosen on validation",
        **about(members, examples=5000),
        covers=NEW_DRAWS,
        split="validation",
        samples=10,
        draws=40,
        solution_nll=float(ALONE[1] + 0.02),
        solution_accuracy=float(ALONE[0] - 0.01),
    )
