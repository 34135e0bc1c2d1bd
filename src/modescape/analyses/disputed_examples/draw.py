"""Numbers of examples by the number of models that are right, and the most disputed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Examples on which the models disagree most"
NAME_LENGTH = 18
DRAWN = 25


def caption(dataset: xr.Dataset) -> str:
    """The meaning of marks."""
    models = dataset.sizes["x"] - 1
    return style.sentences(
        f"Left: {style.tested_on(dataset)} by how many of {style.counted(models, 'model')} are right. Right:",
        "the examples with the largest mutual information between prediction and model; their labels on hover.",
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """Counts, and one row per example."""
    counts = Series(
        name="Examples",
        x=dataset["x"].values.astype(float),
        y=dataset["count"].values.astype(float),
        colour=style.BLUE,
        marker=("o", "circle"),
    )
    classes = [str(name) for name in dataset["class"].values]
    label, predicted = (dataset[name].values[:DRAWN].astype(float) for name in ("label", "predicted"))
    rows = style.all_shortened(dataset["example"].values[:DRAWN], NAME_LENGTH)
    hover = [
        f"label {_name(classes, own)}, average {_name(classes, said)}"
        for own, said in zip(label, predicted, strict=True)
    ]
    information = Series(
        name="Mutual information",
        x=dataset["mutual_information"].values[:DRAWN],
        y=np.arange(len(rows)),
        colour=style.VERMILION,
        marker=("D", "diamond"),
        line=None,
        hover=hover,
    )
    panels = [
        Panel(
            title="Examples by how many models are right",
            x_label="Number of models that are right",
            y_label="Number of examples (log scale)",
            series=[counts],
            log_y=True,
            whole_x=True,
        ),
        Panel(
            title="The most disputed",
            x_label="Mutual information (nats)",
            y_label="Example",
            series=[information],
            rows=rows,
        ),
    ]
    return Chart(title=TITLE, panels=panels, columns=2, panel_size=(4.2, 2.8), panel_height=440)


def _name(classes: list[str], number: float) -> str:
    return classes[int(number)] if np.isfinite(number) else "?"
