"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import ACROSS, ALONE, HALF, METRICS, SCORE, about, interval
from modescape.covers import NEW, THESE_TREES

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Trees between one network and the ensemble."""
    ensemble = ALONE + ACROSS * (1 - 1 / max(members, 1))
    score = np.stack([ALONE, ensemble, ALONE + 0.4 * ACROSS])
    than = score[2] - score
    than[2] = np.nan
    dims = ("approach", "metric")
    return results.make_result(
        {
            "score": (dims, score, SCORE, "score"),
            **interval("score", dims, score, HALF, SCORE),
            "difference": (dims, than, SCORE, "score of the trees minus that of the networks"),
            **interval("difference", dims, than, HALF, SCORE),
            "prediction": (("example", "class"), np.log(np.full((20, 4), 0.25)), "1", "prediction of the trees"),
        },
        {"approach": ["single", "ensemble", "gradient boosting"], "metric": list(METRICS)},
        title="Members and gradient boosting",
        **about(members, intervals="95 %: new members on new examples"),
        covers={"": NEW, "score": {"": NEW, "gradient boosting": THESE_TREES}},
        trees=37,
        most_trees=100,
        fit="0123456789abcdef",
    )
