"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import SCORE, about, stated
from modescape.covers import NEW

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Mean score minus diversity, exactly, for the ensembles of K networks."""
    diversity = {"independent": np.array([0.125, 0.205, 0.11, 0.18])}
    order = {"trajectory": 0.45, "random": 0.4, "low_rank_scaled": 0.33, "low_rank": 0.3, "swag": 0.28}
    order |= {"diagonal": 0.17, "dropout": 0.38, "pca_random": 0.2}
    diversity |= {method: share * diversity["independent"] for method, share in order.items()}
    term = np.stack(list(diversity.values()))
    mean = np.array([0.453, 0.92, 0.453, 0.92]) + 0.12 * term * np.array([1, 1, 1, 1])
    mean[0] = (0.453, 0.92, 0.453, 0.92)
    half = 0.02 * np.abs(term) + np.array([0.002, 0.004, 0.002, 0.004])
    dims = ("approach", "metric")
    return results.make_result(
        {
            "mean_score": (dims, mean, SCORE, "mean score of the networks"),
            "diversity": (dims, term, SCORE, "diversity term"),
            "ensemble_score": (dims, mean - term, SCORE, "score of the ensemble"),
            "diversity_low": (dims, term - half, SCORE, "lower end of the 95 % interval"),
            "diversity_high": (dims, term + half, SCORE, "upper end of the 95 % interval"),
            **stated(list(diversity)),
        },
        {"approach": list(diversity), "metric": ["brier", "nll", "brier_geometric", "nll_geometric"]},
        title="An ensemble's score: mean score minus diversity",
        **about(members, intervals="95 %: bootstrap over test examples"),
        covers=NEW,
        networks=5,
    )
