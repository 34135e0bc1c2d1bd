"""Cosines and distances of weights, and the tree of descent."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import charts, style
from modescape.plots.charts import Chart, HeatMap, Panel, Series

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Kinship of networks"
LABELS = 20  # networks a side
MATRICES = {  # variable: title, label of its colours
    "cosine": ("Cosine of weights", "Cosine"),
    "centred_cosine": ("Cosine of matrices, centred", "Cosine"),
    "distance": ("Distance of matrices", "Distance / length (ratio)"),
    "displacement_cosine": ("Cosine of displacements", "Cosine"),
}
KINDS = {  # relation: name in the legend, colour, marker
    -1: ("no relative here", style.NEUTRAL, ("o", "circle")),
    0: ("first of its family", style.TRAIN_COLOUR, ("s", "square")),
    1: ("descends", style.VALIDATION_COLOUR, ("o", "circle")),
    2: ("start not here", style.VALIDATION_COLOUR, ("D", "diamond")),
    3: ("which came first is unknown", style.VALIDATION_COLOUR, ("^", "triangle-up")),
}
LEAST = 0.1  # beside the axis


def caption(dataset: xr.Dataset) -> str:
    """How to read the matrices and the tree, and when two networks count as related."""
    least = ""
    if "least_cosine" in dataset.attrs:  # older results do not say it
        least = (
            f"Two networks count as related where this cosine is {dataset.attrs['least_cosine']:g} or more and the "
            f"inner product at least {dataset.attrs['least_deviations']:g} standard deviations of what permuted units "
            "give."
        )
    return style.sentences(
        f"The last checkpoints of {style.counted(dataset.sizes['model'], 'network')}, in the order given.",
        "Centred: matrices of all layers, the mean over each one's units subtracted: unrelated ones have 0.",
        least,
        "Distances are over the geometric mean of the two lengths. Tree: each network is joined to the relative next",
        "to it, the further to the right the further from the first of its family along the tree; numbers are",
        f"percentages of {int(dataset.attrs['draws'])} resamples of parameters in which the two are joined.",
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """A matrix a quantity, and the tree below them."""
    names = [str(name) for name in dataset["model"].values]
    there = [name for name in MATRICES if name in dataset]
    panels: list[HeatMap | Panel] = [
        charts.square(MATRICES[name][0], "Network", names, _off_diagonal(dataset, name), _scale(dataset, name), LABELS)
        for name in there
    ]
    panels.append(_tree(dataset, names))
    return Chart(
        title=TITLE, panels=panels, columns=2 if len(there) == 4 else 3, panel_size=(4.0, 3.7), panel_height=447
    )


def _off_diagonal(dataset: xr.Dataset, name: str) -> np.ndarray:
    matrix = dataset[name].transpose("model", "other_model").values.astype(float).copy()
    np.fill_diagonal(matrix, np.nan)
    return matrix


def _scale(dataset: xr.Dataset, name: str) -> style.Scale:
    alike = [dataset[one].values for one in MATRICES if one in dataset and one != "distance"]
    scale = style.from_zero(dataset["distance"].values) if name == "distance" else style.cosine_scale(*alike)
    return dataclasses.replace(scale, label=MATRICES[name][1])


def _numbers(dataset: xr.Dataset, name: str) -> np.ndarray:
    """Whole numbers [model]; -1 for none."""
    return np.nan_to_num(dataset[name].values, nan=-1).astype(int)


def order(dataset: xr.Dataset) -> list[int]:
    """Places of networks, family by family, each behind the one that it is joined to."""
    relative, family = _numbers(dataset, "relative"), _numbers(dataset, "family")
    found: list[int] = []
    for number in np.unique(family):
        left = [int(model) for model in np.flatnonzero((family == number) & (relative < 0))]
        while left:
            model = left.pop(0)
            found.append(model)
            left = [*map(int, np.flatnonzero(relative == model)), *left]
    return found


def depths(dataset: xr.Dataset) -> np.ndarray:
    """Distance of each network from the first of its family along the tree, [model]."""
    relative = _numbers(dataset, "relative")
    distance = dataset["distance"].transpose("model", "other_model").values
    found = np.zeros(len(relative))
    for model in order(dataset):
        if relative[model] >= 0:
            found[model] = found[relative[model]] + distance[model, relative[model]]
    return found


def _tree(dataset: xr.Dataset, names: list[str]) -> Panel:
    places, depth = order(dataset), depths(dataset)
    row = {model: number for number, model in enumerate(places)}
    relative, relation = _numbers(dataset, "relative"), _numbers(dataset, "relation")
    support = dataset["support"].values
    lines_x, lines_y, notes = [], [], []
    right = max(float(np.nanmax(depth, initial=0.0)), LEAST)
    for model in places:
        parent = relative[model]
        if parent >= 0:
            lines_x += [depth[parent], depth[parent], depth[model], np.nan]
            lines_y += [row[parent], row[model], row[model], np.nan]
            middle = float(depth[parent] + depth[model]) / 2
            if np.isfinite([middle, support[model]]).all():
                notes.append((middle, row[model] - 0.3, f"{100 * support[model]:.0f}"))
    series = [
        Series(
            name="joined",
            x=np.array(lines_x or [np.nan]),
            y=np.array(lines_y or [np.nan]),
            colour=style.NEUTRAL,
            width=1.2,
            silent=True,
            in_legend=False,
        )
    ]
    for kind, (name, colour, marker) in KINDS.items():
        own = [model for model in places if relation[model] == kind]
        if own:
            x, y = depth[own], np.array([float(row[model]) for model in own])
            hover = [names[model] for model in own]
            series.append(Series(name=name, x=x, y=y, colour=colour, marker=marker, line=None, size=6, hover=hover))
    return Panel(
        title="Tree of descent",
        x_label="Distance from the first of the family, along the tree (share of length)",
        y_label="Network",
        series=series,
        rows=[names[model] for model in places],
        x_range=(-0.04 * right, 1.08 * right),
        notes=notes if len(notes) <= LABELS else [],
        wide=True,
    )
