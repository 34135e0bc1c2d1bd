"""A made-up result of a regression, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.examples_of_numbers import ABOUT, SCALE, TARGET
from modescape.analyses.solution_similarity.example import example as of_classes

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Networks whose predictions lie as far apart as their errors are large."""
    found = of_classes(members, epochs)
    apart = SCALE * found["disagreement"].values
    error = SCALE * (1 - found["accuracy"].values)
    both = np.sqrt((error[:, None] ** 2 + error**2) / 2)
    dims = ("member", "other_member")
    mean = np.stack([SCALE * found["pair_mean"].values[0], *found["pair_mean"].values[1:]])
    half = np.array([2.0, 0.02, 0.002, 0.002])
    metrics = ["prediction_distance", "normalized_distance", "cosine", "cosine_without_batch_norm"]
    of_classes_alone = ["disagreement", "normalized_disagreement", "accuracy", "last_epochs_disagreement"]
    found = found.drop_vars([*of_classes_alone, "jensen_shannon", "approach"])
    found = found.assign_coords(metric=("metric", metrics, {"units": "1", "long_name": "metric"}))
    within = np.full(members, 0.2 * float(np.nanmean(apart)))
    return found.assign(
        {
            "prediction_distance": (dims, apart, {"units": TARGET, "long_name": "distance of the predicted means"}),
            "normalized_distance": (dims, apart / both, {"units": "1", "long_name": "distance over the error"}),
            "rmse": (("member",), error, {"units": TARGET, "long_name": "root mean squared error"}),
            "last_epochs_distance": (("member",), within, {"units": TARGET, "long_name": "distance of late epochs"}),
            "pair_mean": ("metric", mean, found["pair_mean"].attrs),
            "pair_low": ("metric", mean - half, found["pair_low"].attrs),
            "pair_high": ("metric", mean + half, found["pair_high"].attrs),
        }
    ).assign_attrs(ABOUT)
