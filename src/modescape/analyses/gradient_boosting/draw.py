"""Scores of one network, of the ensemble and of gradient boosting, and what they differ by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of
from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import better, scores

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics import Score

TITLE = "The ensemble and gradient boosting"
NAMES = {"single": "One network", "ensemble": "Ensemble", "gradient boosting": "Boosting"}
LOOKS = {
    "single": (style.NEUTRAL, ("X", "x")),
    "ensemble": (style.BLUE, ("o", "circle")),
    "gradient boosting": (style.GREEN, ("^", "triangle-up")),
}


def caption(dataset: xr.Dataset) -> str:
    """Who was fitted to what, and what a difference is."""
    about = dataset.attrs
    return style.sentences(
        f"Means of {style.counted(int(about['members']), 'network')} one by one, all of them averaged, and",
        f"scikit-learn's histogram gradient boosting with its default settings, on {style.tested_on(dataset)}. Of the",
        f"{style.counted(int(about['most_trees']), 'step')} of boosting {int(about['trees']):,} are used, as the",
        "validation rows decide. All were fitted to the same training rows.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def panels(dataset: xr.Dataset) -> list[Panel]:
    """For every score those of all three, beside them the differences of the trees."""
    return [
        panel
        for metric, score in scores(dataset).items()
        for panel in (_scores(dataset, metric, score), _differences(dataset, metric, score))
    ]


def describe(dataset: xr.Dataset) -> Chart:
    """All scores."""
    return Chart(title=TITLE, panels=panels(dataset), columns=2, covers=covers_of(dataset, "score"))


def _scores(dataset: xr.Dataset, metric: str, score: Score) -> Panel:
    names = list(NAMES)
    return Panel(
        title=better(score, score.name),
        x_label=score.axis,
        y_label="Model",
        series=[_mark(dataset, "score", metric, score.factor, name, row) for row, name in enumerate(names)],
        rows=list(NAMES.values()),
    )


def _differences(dataset: xr.Dataset, metric: str, score: Score) -> Panel:
    rows = list(NAMES)[:2]
    zero = Series(name="Equal", x=np.zeros(2), y=np.array([0.0, 1.0]), colour=style.NEUTRAL, line="dash", width=1)
    side = "right" if score.higher_is_better else "left"
    return Panel(
        title=f"{score.name}: {side} of 0 the trees are better",
        x_label=score.of_differences("Gradient boosting minus it"),
        y_label="Model",
        series=[zero, *(_mark(dataset, "difference", metric, score.factor, name, at) for at, name in enumerate(rows))],
        rows=[NAMES[name] for name in rows],
    )


def _mark(dataset: xr.Dataset, variable: str, metric: str, factor: float, name: str, row: int) -> Series:
    chosen = dataset.sel({"metric": metric, "approach": [name]})
    low, middle, high = (factor * chosen[f"{variable}{end}"].values for end in ("_low", "", "_high"))
    colour, marker = LOOKS[name]
    looks = {"colour": colour, "marker": marker, "line": None, "size": 7, "in_legend": False}
    return Series(
        name=NAMES[name],
        x=middle,
        y=np.array([float(row)]),
        low=low,
        high=high,
        intervals_along_x=True,
        covers=covers_of(dataset, variable, name),
        **looks,
    )
