"""Scores of the mean model and of the average of all on each part of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import better, scores

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Part by part"
NAME_LENGTH = 22
KINDS = {  # variable -> name, colour, marker
    "single": ("Mean model", style.BLUE, ("o", "circle")),
    "together": ("All together", style.VERMILION, ("D", "diamond")),
}
APART = 0.14  # rows between both marks


def caption(dataset: xr.Dataset) -> str:
    """The meaning of marks and bars."""
    left = int(dataset.attrs.get("parts_left_out", 0))
    return style.sentences(
        f"{style.tested_on(dataset)}, each of one part; bars: 95 % intervals for these models on new",
        "images of the part.",
        f"{style.counted(left, 'smaller part')} left out." if left else "",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """One panel per score, one row per part."""
    rows = style.all_shortened(dataset["part"].values, NAME_LENGTH)
    panels = []
    for metric, score in scores(dataset).items():
        series = []
        for number, (variable, (name, colour, marker)) in enumerate(KINDS.items()):
            chosen = dataset.sel({"metric": metric})
            value, low, high = (score.factor * chosen[f"{variable}{end}"].values for end in ("", "_low", "_high"))
            series.append(
                Series(
                    name=name,
                    x=value,
                    y=np.arange(len(rows)) + (2 * number - 1) * APART,
                    low=low,
                    high=high,
                    intervals_along_x=True,
                    colour=colour,
                    marker=marker,
                    line=None,
                    size=5,
                )
            )
        title = better(score, score.label)
        panels.append(Panel(title=title, x_label=score.axis, y_label="Part", series=series, rows=rows))
    return Chart(title=TITLE, panels=panels, columns=min(2, max(1, len(panels))), panel_size=(4.2, 2.6))
