"""Coverage, width and NLL against the number of networks, with variances as predicted and scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plots import charts, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import in_target_unit

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Whether the predicted variances are right"
NOMINAL = 0.95
PANELS = {  # variable: title, axis, factor
    "coverage": ("Coverage of 95 % intervals", "Targets inside (%)", 100.0),
    "width": ("Width of 95 % intervals", "Mean width (unit of the target)", 1.0),
    "nll": ("Negative log-likelihood: lower is better", "NLL (nats per example)", 1.0),
}
LOOKS = {"as predicted": style.TRAIN_COLOUR, "scaled": style.VALIDATION_COLOUR}


def caption(dataset: xr.Dataset) -> str:
    """What is drawn."""
    return style.sentences(
        f"Mixtures of networks on {style.tested_on(dataset)}; mean over at most {dataset.attrs['most_subsets']} "
        "subsets of a size. Scaled: all variances times one factor fitted on validation examples. Grey: 95 %.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """One panel per quantity."""
    size = dataset["size"].values.astype(float)
    span = (0.5, float(size.max()) + 0.5)
    panels = []
    for name, (title, label, factor) in PANELS.items():
        label = in_target_unit(dataset, label)
        series = [charts.level("Nominal", factor * NOMINAL, span)] if name == "coverage" else []
        for approach, colour in LOOKS.items():
            chosen = dataset.sel({"approach": approach})
            ends: dict[str, Any] = {}
            if name == "coverage":
                ends = {end: factor * chosen[f"coverage_{end}"].values for end in ("low", "high")}
            y = factor * np.asarray(chosen[name].values)
            named = f"Variances {approach}"
            series.append(Series(name=named, x=size, y=y, colour=colour, marker=("o", "circle"), **ends))
        panels.append(
            Panel(
                title=title,
                x_label="Number of networks",
                y_label=in_target_unit(dataset, label),
                series=series,
                x_range=span,
                whole_x=True,
            )
        )
    return Chart(title=TITLE, panels=panels, columns=2)
