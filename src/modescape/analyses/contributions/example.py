"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about, given_names, interval
from modescape.covers import THESE_MODELS

if TYPE_CHECKING:
    import xarray as xr

ALL, NONE = np.array([0.741, 0.75]), np.array([0.1, 2.303])
UNIT = "1 (nats for nll)"


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Models with nearly equal contributions."""
    ripple = np.sin(np.arange(members))
    ripple = (ripple - ripple.mean())[:, None] * np.array([0.005, -0.02])
    shapley = (ALL - NONE) / members + ripple
    without = np.array([0.001, -0.004]) + 0.2 * ripple
    dims, half = ("model", "metric"), np.array([0.002, 0.006])
    return results.make_result(
        {
            "shapley": (dims, shapley, UNIT, "Shapley value"),
            **interval("shapley", dims, shapley, half, UNIT),
            "without": (dims, without, UNIT, "score of all minus that without it"),
            **interval("without", dims, without, half, UNIT),
            "shapley_error": (dims, np.full((members, 2), 0.0003), UNIT, "standard error through orders"),
            "alone": (dims, np.array([0.71, 0.86]) + 3 * ripple, UNIT, "score of the model"),
            "all_score": (("metric",), ALL, UNIT, "score of all"),
            "no_score": (("metric",), NONE, UNIT, "score without any"),
        },
        {"model": given_names(members), "metric": ["accuracy", "nll"]},
        title="What each model adds to the average of all",
        **about(members, intervals="95 %: these models on new examples"),
        covers=THESE_MODELS,
        examples_looked_at=10_000,
        orders=400,
        unit="network",
    )
