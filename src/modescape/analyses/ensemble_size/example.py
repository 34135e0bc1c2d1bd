"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import CROSSED, about
from modescape.covers import NEW, NEW_RUNS

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Scores against size: independent solutions gain much, snapshots of one run little."""
    size = np.arange(1, members + 1)
    saving = 1 - 1 / size
    metrics = ("accuracy", "nll", "brier", "ece")
    alone = np.array([0.688, 0.94, 0.432, 0.062])
    full = {
        "independent": np.array([0.052, -0.19, -0.092, -0.02]),
        "snapshots": np.array([0.005, -0.03, -0.009, -0.004]),
    }
    half = np.array([0.006, 0.02, 0.007, 0.004])
    score = np.stack([alone[:, None] + gain[:, None] * saving for gain in full.values()])  # method, metric, size
    gain = np.stack([gain[:, None] * saving for gain in full.values()])
    width = half[:, None] * (1 + 0.6 / size)
    dims = ("approach", "metric", "size")
    subsets = np.array([min(200, math.comb(members, k)) for k in size])
    brier_law = np.stack([0.432 + full[method][2] * saving for method in full])
    return results.make_result(
        {
            "score": (dims, score, "1 (nats for nll)", "mean score over subsets"),
            "score_low": (dims, score - width, "1 (nats for nll)", "lower end of the 95 % interval"),
            "score_high": (dims, score + width, "1 (nats for nll)", "upper end of the 95 % interval"),
            "score_low_these": (dims, score - width / 2, "1 (nats for nll)", "lower end for these members"),
            "score_high_these": (dims, score + width / 2, "1 (nats for nll)", "upper end for these members"),
            "gain": (dims, gain, "1 (nats for nll)", "score minus the mean member's score"),
            "gain_low_these": (dims, gain - width / 6 * saving, "1 (nats for nll)", "lower end for these members"),
            "gain_high_these": (dims, gain + width / 6 * saving, "1 (nats for nll)", "upper end for these members"),
            "gain_low": (dims, gain - width / 3 * saving, "1 (nats for nll)", "lower end of the 95 % interval"),
            "gain_high": (dims, gain + width / 3 * saving, "1 (nats for nll)", "upper end of the 95 % interval"),
            "subsets": (("approach", "size"), np.stack([subsets, subsets]), "1", "subsets averaged"),
            "brier_law": (("approach", "size"), brier_law, "1", "closed form B1 - (1 - 1/k) V"),
        },
        {"approach": list(full), "metric": list(metrics), "size": size},
        title="Scores against the number of networks averaged",
        **about(members, intervals=CROSSED),
        covers={"": {"": NEW, "snapshots": NEW_RUNS}},
        runs_of_snapshots=members,
    )
