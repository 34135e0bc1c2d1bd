"""Scores of every model, of averages and of the best alone, each with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import better, scores

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Each model, and their average"
NAME_LENGTH = 26
KINDS = (  # entry of the legend, colour, marker, whether hollow
    ("Average of several", style.VERMILION, ("D", "diamond"), False),
    ("Best alone, selected on one half", style.GREEN, ("s", "square"), True),
    ("One model", style.BLUE, ("o", "circle"), False),
)


def caption(dataset: xr.Dataset) -> str:
    """The meaning of marks and bars."""
    return style.sentences(
        f"Scores on {style.tested_on(dataset)}; bars: 95 % intervals for these models on new examples. The best alone",
        "is selected on one half and scored on the other, both ways, so it may differ from the best model's own score,",
        "which was selected on the same images. Models: the best in the first score on top.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """One panel per score, one row per model."""
    order = ranked(dataset)
    averages = [str(name) for name in dataset["approach"].values]
    rows = style.all_shortened([*averages, *dataset["model"].values[order]], NAME_LENGTH)
    kind = np.array([*[0] * (len(averages) - 1), 1, *[2] * len(order)])
    panels = []
    for metric, score in scores(dataset).items():
        chosen = dataset.sel({"metric": metric})
        value, low, high = (
            score.factor * np.concatenate([chosen[f"together{end}"].values, chosen[f"score{end}"].values[order]])
            for end in ("", "_low", "_high")
        )
        series = [
            Series(
                name=name,
                x=value[kind == number],
                y=np.flatnonzero(kind == number),
                low=low[kind == number],
                high=high[kind == number],
                intervals_along_x=True,
                colour=colour,
                marker=marker,
                hollow=hollow,
                line=None,
                size=5,
            )
            for number, (name, colour, marker, hollow) in enumerate(KINDS)
        ]
        title = better(score, score.label)
        panels.append(Panel(title=title, x_label=score.axis, y_label="Model", series=series, rows=rows))
    return Chart(
        title=TITLE,
        panels=panels,
        columns=min(2, max(1, len(panels))),
        panel_size=(4.2 if len(panels) > 1 else 6.4, 2.8),
    )


def ranked(dataset: xr.Dataset) -> np.ndarray:
    """Indices of the models, best in the first score first; those without one last."""
    found = scores(dataset)
    if not found:
        return np.arange(dataset.sizes["model"])
    metric, score = next(iter(found.items()))
    values = dataset["score"].sel({"metric": metric}).values
    return np.argsort(-values if score.higher_is_better else values, kind="stable")
