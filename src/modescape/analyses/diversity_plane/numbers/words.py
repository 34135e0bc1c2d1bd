"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.diversity_plane import words
from modescape.analyses.diversity_plane.draw import called
from modescape.analyses.diversity_plane.words import MODELS, SCALES, SWEEP, plane_takeaway, who
from modescape.wording.numbers import significant
from modescape.wording.summary import Summary
from modescape.wording.tables import mean_of_known, names_of
from modescape.wording.takeaways import sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

PLANE = (
    "Higher in the plane is more diverse, further left is better: independent solutions with the error of the baseline "
    "and near 1.4 have errors uncorrelated with its own, where averaging gains most. Compare at equal error, since a "
    "network becomes more different simply by becoming worse: the lower curve is the baseline with noise added to its "
    "predictions, which gains nothing."
)
TEXT = Text(
    "The plane of error and distance",
    "For networks of each method: their root mean squared error, and the distance of their predictions from a "
    "baseline's, divided by the error of the two. With two reference curves and the exact bounds.",
    f"{PLANE} {MODELS}, which follow from the triangle inequality. {SCALES}.",
    Text(
        "Diversity against error",
        "First a plane of single networks: the root mean squared error of each, and the distance of its predictions "
        "from a baseline's, divided by the error of the two, with two reference curves and the exact bounds. Then a "
        "map of sets of networks: the mean network's squared error against V, half the mean squared distance between "
        "the predictions of two networks, on the test images.",
        f"{PLANE} {SWEEP}",
    ),
)
GIVEN = replace(words.GIVEN, title=TEXT.title)
CLOSE = 1.05  # times the baseline's error


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows, best = [], float(dataset.attrs["baseline_rmse"])
    for method in names_of(dataset):
        chosen = dataset.sel({"approach": method})
        error, distance = chosen["rmse"].values, chosen["diversity"].values
        there = np.isfinite(error) & np.isfinite(distance)
        good = there & (error <= CLOSE * best)
        cells = (
            significant(mean_of_known(error[there]), 3),
            significant(mean_of_known(distance[there])),
            significant(mean_of_known(distance[good])),
        )
        rows.append((called(dataset, method), str(int(there.sum())), *cells))
    known = {method: row[3] for method, row in zip(names_of(dataset), rows, strict=True)}
    text = (
        "Scatter of networks by root mean squared error and distance over the error from a baseline with an error of "
        f"{significant(best, 3)}. "
        + (f"{who(dataset)} have a distance of {known['independent']} on average. " if "independent" in known else "")
        + "The table also has the mean over networks at most 5 % worse than the baseline."
    )
    header = ("method", "networks", "mean RMSE", "mean distance / error", "of those within 5 % of the baseline")
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


def _takeaway(dataset: xr.Dataset) -> str:
    """How different independent networks and the samples of one run are at the error of the baseline."""
    best, found = float(dataset.attrs["baseline_rmse"]), {}
    for method in names_of(dataset):
        chosen = dataset.sel({"approach": method})
        found[method] = mean_of_known(chosen["diversity"].values[chosen["rmse"].values <= CLOSE * best])
    return plane_takeaway(found, f"at most 5 % worse than the baseline ({sample(dataset)})", who(dataset))
