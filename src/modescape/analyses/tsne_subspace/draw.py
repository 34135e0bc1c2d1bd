"""Trajectories and samples around their solutions in the space of predictions: a map for each subspace method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.analyses import task_of
from modescape.analyses.likeness import LIKENESS
from modescape.plots import steps, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import methods

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Samples around each solution, by their predictions"
NAMED_MEMBERS = 12  # more are drawn without a name in the legend
CIRCLE, SQUARE, STAR = ("o", "circle"), ("s", "square"), ("*", "star")
KEYS = {  # name: mark, its size
    "Checkpoint": (CIRCLE, 3.0),
    "Initialisation": (STAR, 7.0),
    "Sample": (SQUARE, 3.0),
}


READING = (
    "Each panel is a separate t-SNE: it keeps neighbours and can create spurious arms; distances in it mean nothing, "
    "and places of different panels cannot be compared."
)


def caption(dataset: xr.Dataset) -> str:
    """The meaning of marks, and the limits of the maps."""
    return style.sentences(
        f"A mark is a network, placed by its {LIKENESS[task_of(dataset)].points} on {style.tested_on(dataset)}.",
        "Circles: the checkpoints of a run, joined in the order of epochs, from the initialisation (star). Squares:",
        f"{int(dataset.attrs['samples'])} networks that the method draws around each solution.",
        READING,
        steps.endings(dataset),
    )


def panels(dataset: xr.Dataset) -> list[Panel]:
    """A map for each method; colours are members."""
    drawn = []
    for number, method in enumerate(methods(dataset)):
        series = [one for place in range(len(_members(dataset))) for one in _of_member(dataset, number, place)]
        keys = [_key(name) for name in KEYS] if number == 0 else []
        drawn.append(
            Panel(
                title=style.method_look(method).name,
                x_label="Horizontal (no unit)",
                y_label="Vertical (no unit)",
                series=[*series, *keys],
                equal=True,
            )
        )
    return drawn


def _of_member(dataset: xr.Dataset, method: int, place: int) -> list[Series]:
    """Trajectory, start and samples of a member."""
    member = _members(dataset)[place]
    epoch, x, y = points(dataset, method, member, sample=False)
    start = epoch == 0
    look: dict[str, Any] = {"group": str(member), "colour": style.member_colour(place)}
    hover = [f"epoch {number}" for number in epoch]
    _, sample_x, sample_y = points(dataset, method, member, sample=True)
    shown = place < NAMED_MEMBERS
    name = f"Member {member}"
    return [
        Series(name=name, x=sample_x, y=sample_y, marker=SQUARE, line=None, size=2.4, in_legend=False, **look),
        Series(name=name, x=x, y=y, marker=CIRCLE, width=0.8, size=2.4, in_legend=shown, hover=hover, **look),
        Series(name=name, x=x[start], y=y[start], marker=STAR, line=None, size=8, in_legend=False, **look),
    ]


def points(dataset: xr.Dataset, method: int, member: int, *, sample: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Epochs and positions of a member's checkpoints in order of the epoch, or of its samples; three arrays [model]."""
    mine = np.flatnonzero((dataset["member"].values == member) & (dataset["is_sample"].values.astype(bool) == sample))
    mine = mine[np.argsort(dataset["epoch"].values[mine], kind="stable")]
    x, y = (dataset[axis].transpose("approach", "model").values[method, mine] for axis in ("x", "y"))
    return dataset["epoch"].values[mine], x, y


def _key(name: str) -> Series:
    nothing, (marker, size) = np.empty(0), KEYS[name]
    return Series(name=name, x=nothing, y=nothing, marker=marker, line=None, size=size)


def _members(dataset: xr.Dataset) -> list[int]:
    return [int(member) for member in np.unique(dataset["member"].values)]


def _columns(dataset: xr.Dataset) -> int:
    return {1: 1, 2: 2, 4: 2}.get(dataset.sizes["approach"], 3)


def describe(dataset: xr.Dataset) -> Chart:
    """A map for each method."""
    columns = _columns(dataset)
    side = 2.75 if columns == 3 else 3.6
    return Chart(title=TITLE, panels=panels(dataset), columns=columns, panel_size=(side, side), panel_height=420)
