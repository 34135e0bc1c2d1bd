"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from modescape.wording.numbers import count, fixed, listing, percent, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

PAPER = "2c"  # its figures there
SOURCES = ("fort2019", "maaten2008")

TEXT = Text(
    "Paths through function space",
    "Each point is a checkpoint, placed by its predicted probabilities on test images; the points of one run are "
    "joined in the order of epochs. Once with t-SNE, once with PCA.",
    "See whether runs that start in different places end in the same place. t-SNE preserves neighbourhoods, not "
    "distances, and can create spurious arms; PCA preserves distances as far as its two axes hold the variance. The "
    "axes have no unit, and their direction is arbitrary.",
)

NUMBERS = Text(  # of a regression
    TEXT.title,
    "Each point is a checkpoint, placed by its predictions for test images, in standard deviations of the targets; "
    "the points of one run are joined in the order of epochs. Once with t-SNE, once with PCA.",
    TEXT.reading,
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    methods = [str(method) for method in dataset["approach"].values]
    members = sorted({int(member) for member in dataset["member"].values})
    shares = [pick(dataset, "variance_share", approach="PCA", draw=axis) for axis in dataset["draw"].values]
    rows = []
    for method in methods:
        for member in members:
            path = dataset.sel({"approach": method}).isel(model=np.flatnonzero(dataset["member"].values == member))
            for at in (0, -1):
                point = path.isel(model=at)
                epoch = str(int(point["epoch"]))
                rows.append((method, str(member), epoch, fixed(float(point["x"]), 2), fixed(float(point["y"]), 2)))
    text = (
        f"Maps of the predictions of {count(dataset.sizes['model'], 'checkpoint')} by {listing(methods)}: "
        f"one path from start to end for each of {count(len(members), 'trajectory', 'trajectories')}. "
        f"The two PCA axes hold {percent(float(np.nansum(shares)))} of the variance."
    )
    return Summary(text, ("method", "member", "epoch", "x", "y"), tuple(rows), takeaway=_takeaway(dataset))


def _takeaway(dataset: xr.Dataset) -> str:
    """Whether runs end in one place of the map that preserves distances."""
    shares = [pick(dataset, "variance_share", approach="PCA", draw=axis) for axis in dataset["draw"].values]
    held = percent(float(np.nansum(shares)))
    place = np.stack([dataset[axis].sel({"approach": "PCA"}).values for axis in ("x", "y")], axis=1)
    runs = [place[dataset["member"].values == member] for member in np.unique(dataset["member"].values)]
    if len(runs) < 2 or any(len(run) < 2 for run in runs):
        return f"The two PCA axes hold {held} of the variance; the map shows one run, so it compares none."
    apart = np.mean([np.linalg.norm(one[-1] - two[-1]) for one, two in itertools.combinations(runs, 2)])
    way = np.mean([np.linalg.norm(run[-1] - run[0]) for run in runs])
    if not way > 0:
        return f"The two PCA axes hold {held} of the variance."
    return (
        f"On the PCA map, which holds {held} of the variance, the ends of {len(runs)} runs are on average "
        f"{significant(float(apart / way))} times as far apart as the start and the end of one run (no interval)."
    )
