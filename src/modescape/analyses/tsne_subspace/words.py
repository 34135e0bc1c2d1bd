"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots.style import method_look
from modescape.wording.numbers import count, percent, significant
from modescape.wording.summary import PLACED, Summary, placed
from modescape.wording.tables import mean_of_known, names_of
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

PAPER = "4"  # its figures there
SOURCES = ("fort2019", "maaten2008")

TEXT = Text(
    "Samples around each solution, in function space",
    "The checkpoints of a few runs and the networks that each subspace method samples around their solutions, placed "
    "by their predicted probabilities on test images. One map for each method.",
    "See whether the squares of one colour stay at the end of their own run or reach those of another colour: samples "
    "that stay with their run are variations of one function. t-SNE can create spurious arms and clusters and does "
    "not preserve distances, so the size of a gap between colours means nothing; how far samples lie from their "
    "solution is measured in the diversity-accuracy plane, and an embedding that preserves distances is shown with "
    "the trajectories. How far a method reaches depends on its scale; where the recipe sweeps the scales, all methods "
    "sample at about the same distance.",
)

NUMBERS = Text(  # of a regression
    TEXT.title,
    "The checkpoints of a few runs and the networks that each subspace method samples around their solutions, placed "
    "by their predictions for test images, in standard deviations of the targets. One map for each method.",
    TEXT.reading.replace("diversity-accuracy plane", "plane of diversity and error"),
)


def summarize(dataset: xr.Dataset) -> Summary:
    """How far samples scatter around their own run's last checkpoint, against how far apart the runs end."""
    member, is_sample = dataset["member"].values, dataset["is_sample"].values.astype(bool)
    last = (dataset["epoch"].values == dataset["epoch"].values.max()) & ~is_sample
    members = np.unique(member)
    rows, inside = [], []
    for method in names_of(dataset):
        place = np.stack([dataset[axis].sel({"approach": method}).values for axis in ("x", "y")], axis=1)
        end = {one: place[last & (member == one)].mean(axis=0) for one in members}
        own = [np.linalg.norm(place[is_sample & (member == one)] - end[one], axis=1) for one in members]
        near = [_nearest(place[is_sample & (member == one)], end) == one for one in members]
        inside.append(mean_of_known(np.concatenate(near).astype(float)))
        apart = [np.linalg.norm(end[one] - end[two]) for one in members for two in members if one < two]
        cells = (
            significant(mean_of_known(np.concatenate(own))),
            significant(mean_of_known(np.array(apart))),
            percent(inside[-1]),
        )
        rows.append((method_look(method).name, *placed(dataset, method), *cells))
    near = f"Of the samples, {percent(mean_of_known(np.array(inside)))} lie nearest to the end of their own run."
    text = (
        f"Maps of predictions by t-SNE, one for each of {count(len(rows), 'method')}: checkpoints of "
        f"{count(len(members), 'run')} and samples around their solutions. "
        f"{near}"
    )
    header = ("samples to own solution (mean, no unit)", "between solutions (mean)", "nearest to own")
    return Summary(
        text, ("method", *PLACED, *header), tuple(rows), takeaway=_takeaway(near, int(is_sample.sum()) * len(rows))
    )


def _nearest(places: np.ndarray, ends: dict) -> np.ndarray:
    """Which end lies nearest to each place; [place]."""
    away = np.stack([np.linalg.norm(places - end, axis=1) for end in ends.values()])
    return np.array(list(ends))[away.argmin(axis=0)]


def _takeaway(text: str, samples: int) -> str:
    """Whether samples stay with their own run."""
    return f"{text[:-1]} ({count(samples, 'sample')} on maps that keep neighbours, not distances; no interval)."
