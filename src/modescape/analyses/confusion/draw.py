"""Which classes are confused: one member, the mean member and the ensemble side by side."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import style
from modescape.plots.charts import Chart, HeatMap

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Confusion of classes"
LABELS = 25  # class names a side; of more classes every second, third, ... is named


def caption(dataset: xr.Dataset) -> str:
    """How to read the matrices."""
    return style.sentences(
        "Rows: the true class; columns: the predicted one; each row adds up to 100 %, the diagonal is the accuracy in",
        f"that class. {style.tested_on(dataset)}. Same colours in all panels, by the square root of the share.",
        "Mean member: counts averaged over the members.",
        _named(dataset),
        style.left_out(dataset),
    )


def shares(dataset: xr.Dataset) -> np.ndarray:
    """Percent of each true class, NaN for a class without examples; shape [method, class, predicted_class]."""
    count = dataset["count"].transpose("approach", "class", "predicted_class").values.astype(float)
    total = count.sum(axis=2, keepdims=True)
    return np.divide(100 * count, total, out=np.full_like(count, np.nan), where=total > 0)


def describe(dataset: xr.Dataset) -> Chart:
    """Row-normalised confusion matrices; on the page the counts are under the pointer."""
    names = _class_names(dataset)
    counts = dataset["count"].transpose("approach", "class", "predicted_class").values
    scale = dataclasses.replace(style.PERCENT, label="Share of the true class (%)")
    panels = [
        HeatMap(
            title=_panel_title(dataset, place),
            x_label="Predicted class",
            y_label="True class",
            matrix=matrix,
            rows=names,
            columns=names,
            scale=scale,
            decimals=0,
            most_printed=(style.PRINTED_ROWS, style.PRINTED_ROWS),
            most_labels=LABELS,
            label_length=style.LABEL_LENGTH,
            square=True,
            extra=counts[place],
            extra_unit="examples",
        )
        for place, matrix in enumerate(shares(dataset))
    ]
    size = (0.4 + 3.9, 4.6)
    return Chart(title=TITLE, panels=panels, columns=len(panels), panel_size=size, panel_height=467)


def _class_names(dataset: xr.Dataset) -> list[str]:
    return [str(name) for name in dataset["class"].values]


def _panel_title(dataset: xr.Dataset, place: int) -> str:
    method = str(dataset["approach"].values[place])
    if method == "ensemble":
        method = f"ensemble of {dataset.attrs['members']}"
    given = place == 0 and "given" in dataset.attrs  # the name of a model stays as it is
    shown = method if given else f"{method[:1].upper()}{method[1:]}"
    return f"{shown}: {100 * float(dataset['accuracy'][place]):.1f} % correct"


def _named(dataset: xr.Dataset) -> str:
    step = np.diff(style.spread(dataset.sizes["class"], LABELS)[:2])
    return f"Every {style.ordinal(int(step[0]))} class is named." if step.size and step[0] > 1 else ""
