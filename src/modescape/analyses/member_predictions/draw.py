"""Number of members that are right per example, and disagreement of every two members."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import charts, style
from modescape.plots.charts import Chart, Panel, Series

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Predictions of each member"
LABELS = 11  # members a side


def caption(dataset: xr.Dataset) -> str:
    """A description of the examples."""
    return style.sentences(
        f"On {style.counted(dataset.sizes['example'], 'test example')} of {int(dataset.attrs['of_examples']):,},",
        "evenly spaced over the split. Left: how many of them that many members get right. Right: the share of them",
        "that two members label differently; its colours go by the square root.",
        style.left_out(dataset),
    )


def labels(dataset: xr.Dataset) -> np.ndarray:
    """The likeliest class of each member, [member, example]."""
    return dataset["log_prob"].transpose("member", "example", "class").values.argmax(-1)


def members_right(dataset: xr.Dataset) -> np.ndarray:
    """Number of members that are right, int [example]."""
    return (labels(dataset) == dataset["label"].values).sum(0)


def disagreement(dataset: xr.Dataset) -> np.ndarray:
    """Share of examples that two members label differently, [member, member]; NaN of a member with itself."""
    said = labels(dataset)
    matrix = (said[:, None] != said[None]).mean(-1)
    np.fill_diagonal(matrix, np.nan)
    return matrix


def describe(dataset: xr.Dataset) -> Chart:
    """Counts, and a matrix of the members."""
    members = [str(member) for member in dataset["member"].values]
    count = np.bincount(members_right(dataset), minlength=len(members) + 1)
    counts = Series(
        name="Examples",
        x=np.arange(len(members) + 1.0),
        y=count.astype(float),
        colour=style.BLUE,
        marker=("o", "circle"),
    )
    right = Panel(
        title="Examples by how many members are right",
        x_label=f"Members that are right (of {len(members)})",
        y_label="Examples (log scale)",
        series=[counts],
        log_y=True,
        whole_x=True,
    )
    scale = dataclasses.replace(style.SHARE, label="Disagreement (share of these examples)")
    pairs = charts.square(
        "Disagreement of two members", "Member (index)", members, disagreement(dataset), scale, LABELS
    )
    return Chart(title=TITLE, panels=[right, pairs], columns=2, panel_size=(4.0, 3.4), panel_height=420)
