"""Trajectories in the space of predictions, in the plane: t-SNE, and next to it PCA, which preserves distances."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.analyses import task_of
from modescape.analyses.likeness import LIKENESS
from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Trajectories in the space of predictions"
NAMED_MEMBERS = 12  # more are drawn without a name in the legend
MARKED_EPOCHS = 20  # a path carries about this many dots at most
NOTHING = np.empty(0)
DOT, STAR = ("o", "circle"), ("*", "star")
KEYS: dict[str, dict[str, Any]] = {
    "Epoch 0": {"marker": STAR, "size": 9, "hollow": True},
    "Last epoch": {"marker": DOT, "size": 7},
}


def caption(dataset: xr.Dataset) -> str:
    """How to read the two maps, and their limits."""
    return style.sentences(
        f"A point is a checkpoint's {LIKENESS[task_of(dataset)].points} on {style.tested_on(dataset)}; a path is",
        "one run, from its initialisation (star) to its last epoch (large dot), a small dot every",
        f"{_step_words(dataset)}. t-SNE keeps neighbours and can create spurious arms: its distances mean nothing.",
        "PCA preserves distances as far as the shares of variance say.",
        style.left_out(dataset),
    )


def path(dataset: xr.Dataset, method: int, member: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Epochs and positions of a member's checkpoints in order of the epoch; three arrays of shape [epoch]."""
    mine = np.flatnonzero(dataset["member"].values == member)
    mine = mine[np.argsort(dataset["epoch"].values[mine], kind="stable")]
    x, y = (dataset[axis].transpose("approach", "model").values[method, mine] for axis in ("x", "y"))
    return dataset["epoch"].values[mine], x, y


def describe(dataset: xr.Dataset) -> Chart:
    """t-SNE and PCA side by side."""
    members = _members(dataset)
    panels = []
    for method in range(dataset.sizes["approach"]):
        series = [one for place in range(len(members)) for one in _of_member(dataset, method, place)]
        keys = [Series(name=name, x=NOTHING, y=NOTHING, line=None, **look) for name, look in KEYS.items()]
        panels.append(
            Panel(
                title=str(dataset["approach"].values[method]),
                x_label=_axis_label(dataset, method, 0),
                y_label=_axis_label(dataset, method, 1),
                series=series if panels else [*series, *keys],
                equal=True,
            )
        )
    return Chart(title=TITLE, panels=panels, columns=len(panels), panel_size=(3.75, 3.8), panel_height=507)


def _of_member(dataset: xr.Dataset, method: int, place: int) -> list[Series]:
    """A run's path with a dot every few epochs, the last one large, and its start."""
    member = _members(dataset)[place]
    epoch, x, y = path(dataset, method, member)
    size = np.where(np.arange(len(epoch)) % _step(dataset) == 0, 2.2, 0.0)
    start = epoch == 0
    size[-1], size[start] = 7, 0
    look: dict[str, Any] = {"name": f"Member {member}", "group": str(member), "colour": style.member_colour(place)}
    shown = place < NAMED_MEMBERS
    begun: dict[str, Any] = KEYS["Epoch 0"] | look | {"in_legend": False}
    return [
        Series(
            x=x, y=y, marker=DOT, width=0.8, opacity=0.7, size=size, numbers=("epoch", epoch), in_legend=shown, **look
        ),
        Series(x=x[start], y=y[start], line=None, **begun),
    ]


def _members(dataset: xr.Dataset) -> list[int]:
    return [int(member) for member in np.unique(dataset["member"].values)]


def _axis_label(dataset: xr.Dataset, method: int, axis: int) -> str:
    share = float(dataset["variance_share"].transpose("approach", "draw").values[method, axis])
    name = "Horizontal" if axis == 0 else "Vertical"
    return f"Component {axis + 1} ({100 * share:.0f} % of variance)" if math.isfinite(share) else f"{name} (no unit)"


def _step(dataset: xr.Dataset) -> int:
    epochs = len(np.unique(dataset["epoch"].values))
    return max(1, math.ceil((epochs - 1) / MARKED_EPOCHS))


def _step_words(dataset: xr.Dataset) -> str:
    return "epoch" if _step(dataset) == 1 else f"{_step(dataset)} epochs"
