"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import METRICS, SCORE, about, given_names, interval
from modescape.covers import THESE_MODELS

if TYPE_CHECKING:
    import xarray as xr

ALONE = np.array([0.712, 0.86, 0.401, 0.05])
SLOPE = np.array([0.03, -0.09, -0.04, -0.01])
TOGETHER = np.array([[0.741, 0.75, 0.36, 0.03], [0.735, 0.77, 0.37, 0.035], [0.725, 0.82, 0.385, np.nan]])
HALF = np.array([0.009, 0.02, 0.01, 0.006])


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Models that differ in quality, and averages that are better than the best of them."""
    score = ALONE + SLOPE * np.sin(np.arange(members))[:, None]
    chosen = np.zeros((members, 4))
    chosen[np.argmax(score[:, 0])] = 1
    chosen[:, 3] = np.nan
    over, gain = TOGETHER - TOGETHER[-1], TOGETHER - ALONE
    dims, both = ("model", "metric"), ("approach", "metric")
    return results.make_result(
        {
            "score": (dims, score, SCORE, "score of the model"),
            **interval("score", dims, score, HALF, SCORE),
            "chosen": (dims, chosen, "1", "share of halves on which it is the best"),
            "together": (both, TOGETHER, SCORE, "score"),
            **interval("together", both, TOGETHER, HALF, SCORE),
            "gain": (both, gain, SCORE, "score minus that of its mean model"),
            **interval("gain", both, gain, HALF / 2, SCORE),
            "over_best": (both, over, SCORE, "score minus that of the best alone"),
            **interval("over_best", both, over, HALF / 2, SCORE),
            "networks": (("approach",), np.array([members, 3, 1]), "1", "models that are averaged"),
        },
        {
            "model": given_names(members),
            "approach": ["all models", "wide <b>&</b>", "best alone"],
            "metric": list(METRICS),
        },
        title="Scores of each model, of their averages, and of the best alone",
        **about(members, intervals="95 %: these models on new examples"),
        covers=THESE_MODELS,
        unit="network",
    )
