"""Calibration of the models, alone and averaged, as given and after temperature scaling on other examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import scores

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Calibration of the models, and temperature scaling"
NAME_LENGTH = 22
DRAWN = ("nll", "ece")  # changes that are drawn; the table has all
LOOKS = (  # of the averages: colour, marker, line
    (style.BLUE, ("o", "circle"), "solid"),
    (style.GREEN, ("h", "hexagon"), "dash"),
    (style.ORANGE, ("s", "square"), "dot"),
)


def caption(dataset: xr.Dataset) -> str:
    """The meaning of marks, and where temperatures were fitted."""
    return style.sentences(
        f"On {style.tested_on(dataset)}, each half at the temperature that was fitted on the other. Top left: accuracy",
        "of the images whose top probability falls into one of 15 bins; larger marks hold more images; on the diagonal",
        "probabilities are calibrated. Changes: score after minus before; left of the dashed line is better.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """A reliability diagram, temperatures, and the change of scores, one row per model."""
    found = {name: score for name, score in scores(dataset).items() if name in DRAWN}
    rows = style.all_shortened(dataset["model"].values, NAME_LENGTH)
    panels = [_reliability(dataset), _temperatures(dataset, rows)]
    for metric, score in found.items():
        chosen = dataset.sel({"metric": metric})
        value, low, high = (score.factor * chosen[f"change{end}"].values for end in ("", "_low", "_high"))
        bars = Series(
            name="Change by temperature scaling",
            x=value,
            y=np.arange(len(rows)),
            low=low,
            high=high,
            intervals_along_x=True,
            colour=style.VERMILION,
            marker=("D", "diamond"),
            line=None,
        )
        label = score.of_differences(f"Change of {score.short}")
        title = f"Change of {score.short}: left is better"
        panels.append(
            Panel(title=title, x_label=label, y_label="Model", series=[_line(0.0, len(rows)), bars], rows=rows)
        )
    return Chart(title=TITLE, panels=panels, columns=2, panel_size=(4.2, 2.8))


def _line(at: float, rows: int) -> Series:
    """A dashed vertical line."""
    ends = np.array([-0.5, rows - 0.5])
    return Series(name="No change", x=np.full(2, at), y=ends, line="dash", width=1, silent=True)


def _reliability(dataset: xr.Dataset) -> Panel:
    ends = np.array([0.0, 100.0])
    series = [Series(name="Confidence = accuracy", x=ends, y=ends, line="dash", width=1)]
    for name, (colour, marker, line) in zip(dataset["approach"].values, LOOKS, strict=False):
        chosen = dataset.sel({"approach": name})
        share = np.nan_to_num(chosen["share"].values.astype(float))
        series.append(
            Series(
                name=style.one_line(name)[:1].upper() + style.one_line(name)[1:],
                x=100 * chosen["confidence"].values,
                y=100 * chosen["accuracy"].values,
                colour=colour,
                marker=marker,
                line=line,  # pyright: ignore[reportArgumentType]
                size=3 + 5 * np.sqrt(share),
            )
        )
    return Panel(
        title="All together", x_label="Confidence (%)", y_label="Accuracy (%)", series=series, x_range=(0, 100)
    )


def _temperatures(dataset: xr.Dataset, rows: list[str]) -> Panel:
    marks = Series(
        name="Temperature",
        x=dataset["temperature"].values,
        y=np.arange(len(rows)),
        colour=style.PURPLE,
        marker=("s", "square"),
        line=None,
    )
    return Panel(
        title="Temperatures: above 1 is overconfident",
        x_label="Temperature (log scale)",
        y_label="Model",
        series=[_line(1.0, len(rows)), marks],
        rows=rows,
        log_x=True,
    )
