"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import METRICS, SCORE, about, given_names, interval
from modescape.covers import THESE_MODELS

if TYPE_CHECKING:
    import xarray as xr

PARTS = ("day", "night <b>&</b>", "a name that is longer than there is room for", "rain")
ALONE = np.array([0.712, 0.86, 0.401, 0.05])
LEVEL = np.array([0.02, -0.05, 0.0, -0.02])
SLOPE = np.array([1.0, -3.0, -1.4, -0.2])
HALF = np.array([0.009, 0.02, 0.01, 0.006])


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Parts, one of which is hard."""
    single = ALONE + LEVEL[:, None] * SLOPE
    gain = np.array([0.03, -0.1, -0.05, -0.01]) * np.linspace(0.4, 1.2, len(PARTS))[:, None]
    score = single[:, None] + 0.01 * np.sin(np.arange(members))[:, None]
    dims = ("part", "metric")
    variables = {
        "score": (("part", "model", "metric"), score, SCORE, "score of the model"),
        "examples": (("part",), np.array([4000, 3000, 2500, 500]), "examples", "examples of the part"),
    }
    for name, value in (("single", single), ("together", single + gain), ("gain", gain)):
        variables |= {name: (dims, value, SCORE, name), **interval(name, dims, value, HALF, SCORE)}
    return results.make_result(
        variables,
        {"part": list(PARTS), "model": given_names(members), "metric": list(METRICS)},
        title="Scores on each part of the data",
        **about(members, intervals="95 %: these models on new examples of the part"),
        covers=THESE_MODELS,
        parts_left_out=0,
        unit="network",
    )
