"""Differences of two networks by the random choice of training: initialisation, order, dropout, or the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import in_target_unit, marked, methods

if TYPE_CHECKING:
    import xarray as xr

TITLE = "What makes two runs differ"
LAST_BIT = "last bit"  # end of the name of the condition in which one weight differs by its last bit
QUANTITIES = {  # variable: title, axis label, factor, whether the axis is logarithmic
    "disagreement": ("Disagreement of the labels", "Disagreement (% of images)", 100.0, False),
    "prediction_distance": ("Distance of the predictions", "Distance (unit of the target)", 1.0, False),
    "normalized_distance": ("Distance over the error", "Distance / RMSE (ratio)", 1.0, False),
    "distance": ("Distance of the weights", "Distance / length (ratio, log scale)", 1.0, True),
    "cosine": ("Cosine of the weights", "Cosine", 1.0, False),
    "jensen_shannon": ("Divergence of the predictions", "Jensen-Shannon divergence (nats)", 1.0, False),
}
LOOKS = {  # initialisation, order: colour, mark
    ("same", "same"): (style.GREEN, ("^", "triangle-up")),
    ("same", "different"): (style.ORANGE, ("s", "square")),
    ("different", "same"): (style.SKY, ("D", "diamond")),
    ("different", "different"): (style.BLUE, ("o", "circle")),
}
LAST_BIT_LOOK = (style.NEUTRAL, ("X", "x"))


def caption(dataset: xr.Dataset) -> str:
    """The pairs behind each line, and which line is the floor."""
    return style.sentences(
        "A line compares the two networks of a pair, epoch by epoch, mean over pairs: they share what its name says.",
        "Colour and mark: initialisation and order of the examples; dotted: dropout differs, too. Grey: everything is",
        f"the same but the last bit of one weight, the floor of chaotic training alone. {_differences(dataset)}",
        "Distance of the weights: by their mean length; pairs that are equal to the last bit have no place on its",
        "logarithmic axis.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def _differences(dataset: xr.Dataset) -> str:
    if "disagreement" in dataset:
        return f"Disagreement: share of {style.tested_on(dataset)} labelled differently; bands: 95 % intervals."
    return (
        f"Distance of the predictions: root mean square of their differences on {style.tested_on(dataset)}; bands: "
        "95 % intervals."
    )


def panels(dataset: xr.Dataset) -> list[Panel]:
    """Four measures of difference against the epoch."""
    return [
        Panel(
            title=title,
            x_label="Epoch",
            y_label=in_target_unit(dataset, label),
            series=[_line(dataset, variable, factor, place) for place in range(dataset.sizes["approach"])],
            log_y=log,
            whole_x=True,
        )
        for variable, (title, label, factor, log) in QUANTITIES.items()
        if variable in dataset
    ]


def _line(dataset: xr.Dataset, variable: str, factor: float, place: int) -> Series:
    condition = methods(dataset)[place]
    chosen = dataset.isel({"approach": place})
    ends = {
        end: factor * chosen[f"{variable}_{end}"].values for end in ("low", "high") if f"{variable}_{end}" in dataset
    }
    epoch = dataset["epoch"].values.astype(float)
    colour, marker = _look(chosen)
    return Series(
        name=f"{condition[:1].upper()}{condition[1:]}".replace("initialisation", "init"),
        group=condition,
        x=epoch,
        y=factor * chosen[variable].values,
        low=ends.get("low"),
        high=ends.get("high"),
        colour=colour,
        marker=marker,
        line="dot" if str(chosen["dropout"].item()) == "different" else "solid",
        size=marked(len(epoch)),
    )


def _look(chosen: xr.Dataset) -> tuple[str, tuple[str, str]]:
    if str(chosen["approach"].item()).endswith(LAST_BIT):
        return LAST_BIT_LOOK
    key = str(chosen["initialisation"].item()), str(chosen["order"].item())
    return LOOKS.get(key, LAST_BIT_LOOK)


def describe(dataset: xr.Dataset) -> Chart:
    """Four measures of difference."""
    return Chart(title=TITLE, panels=panels(dataset), columns=2, panel_height=360)
