"""Contribution of each model to the average of all: Shapley value, and leave-one-out difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import scores

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics.scores import Score

TITLE = "What each model adds to the average of all"
NAME_LENGTH = 22
KINDS = {  # variable -> title, colour, marker
    "shapley": ("Shapley value", style.BLUE, ("o", "circle")),
    "without": ("All minus all without it", style.VERMILION, ("D", "diamond")),
}


def caption(dataset: xr.Dataset) -> str:
    """What marks are."""
    orders = int(dataset.attrs["orders"])
    return style.sentences(
        f"On {style.counted(int(dataset.attrs['examples_looked_at']), 'test example')}; models ordered by the "
        "first score.",
        f"Shapley values from {orders:,} orders of the models." if orders else "Shapley values over every subset.",
        "Bars: 95 % intervals for these models on new examples; dashed line: no change.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """For each score both quantities side by side, one row per model."""
    found = scores(dataset)
    first = next(iter(found.items()), None)
    order = np.arange(dataset.sizes["model"])
    if first is not None:
        values = dataset["shapley"].sel({"metric": first[0]}).values
        order = np.argsort(-values if first[1].higher_is_better else values, kind="stable")
    panels = [_panel(dataset, metric, score, kind, order) for metric, score in found.items() for kind in KINDS]
    return Chart(title=TITLE, panels=panels, columns=2, panel_size=(4.2, 2.6))


def _panel(dataset: xr.Dataset, metric: str, score: Score, kind: str, order: np.ndarray) -> Panel:
    title, colour, marker = KINDS[kind]
    chosen = dataset.sel({"metric": metric})
    value, low, high = (score.factor * chosen[f"{kind}{end}"].values[order] for end in ("", "_low", "_high"))
    zero = Series(
        name="No change", x=np.zeros(2), y=np.array([-0.5, len(order) - 0.5]), line="dash", width=1, silent=True
    )
    bars = Series(
        name=title,
        x=value,
        y=np.arange(len(order)),
        low=low,
        high=high,
        intervals_along_x=True,
        colour=colour,
        marker=marker,
        line=None,
        size=5,
    )
    better = "right" if score.higher_is_better else "left"
    return Panel(
        title=f"{title}: {better} is better",
        x_label=score.of_differences(score.name),
        y_label="Model",
        series=[zero, bars],
        rows=style.all_shortened(dataset["model"].values[order], NAME_LENGTH),
    )
