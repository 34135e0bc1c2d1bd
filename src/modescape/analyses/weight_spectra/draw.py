"""Singular values layer by layer, and two ranks of every matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Spectra of weights"
LAYERS = 9  # panels of layers at most
MEMBERS = 12  # lines with an entry in the legend


def caption(dataset: xr.Dataset) -> str:
    """What the lines are."""
    shown, layers = min(LAYERS, dataset.sizes["layer"]), dataset.sizes["layer"]
    return style.sentences(
        f"Singular values of the matrices of {style.counted(dataset.sizes['model'], 'network')}, the largest first;",
        "one line a network.",
        f"{shown} of {layers} layers, evenly through the network." if shown < layers else "",
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """One panel per layer."""
    layers = [str(name) for name in dataset["layer"].values]
    places = style.spread(len(layers), LAYERS)
    panels = [_panel(dataset, layers[place], place) for place in places]
    return Chart(title=TITLE, panels=panels, columns=min(3, len(panels)), panel_size=(3.4, 2.6), panel_height=380)


def _panel(dataset: xr.Dataset, name: str, place: int) -> Panel:
    values = dataset["singular_value"].transpose("model", "layer", "eigenvalue").values[:, place]
    names = [str(model) for model in dataset["model"].values]
    series = [
        Series(
            name=names[row] if row < MEMBERS else "others",
            x=np.arange(1, values.shape[1] + 1),
            y=values[row],
            colour=style.member_colour(row) if row < MEMBERS else style.NEUTRAL,
            line="dash" if len(style.MEMBER_COLOURS) <= row < MEMBERS else "solid",
            width=1,
        )
        for row in range(len(names))
    ]
    return Panel(
        title=style.shortened(name, 30),
        x_label="Rank of the singular value",
        y_label="Singular value",
        series=series,
        whole_x=True,
    )
