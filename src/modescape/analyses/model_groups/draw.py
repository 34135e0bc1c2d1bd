"""Mean scores of groups of models, and their differences, each with intervals for new runs."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of
from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.interval_keys import by_covers
from modescape.plots.scores import better, in_target_unit, scores

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics.scores import Score

TITLE = "Methods, each of several runs"
NAME_LENGTH = 22
DRAWN = 2  # scores that are drawn; the table has all
MOST_PAIRS = 25


def caption(dataset: xr.Dataset) -> str:
    """The meaning of marks and bars."""
    return style.sentences(
        f"Means over the runs of each group on {style.tested_on(dataset)}, and differences of two groups; bars: 95 %",
        "intervals for new runs on new examples, each difference alone. Hollow: one run, with the interval for "
        "that model.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """For each score a panel of means and one of differences."""
    panels = []
    for metric, score in list(scores(dataset).items())[:DRAWN]:
        panels += [_means(dataset, metric, score), _differences(dataset, metric, score)]
    return Chart(title=TITLE, panels=panels, columns=2, panel_size=(4.4, 2.4), covers=covers_of(dataset, "mean"))


def _means(dataset: xr.Dataset, metric: str, score: Score) -> Panel:
    chosen = dataset.sel({"metric": metric})
    value, low, high = (score.factor * chosen[f"mean{end}"].values for end in ("", "_low", "_high"))
    bars = _bars("Mean over runs", value, low, high, dataset["runs"].values == 1)
    series = by_covers(bars, [covers_of(dataset, "mean", name) for name in dataset["approach"].values])
    rows = style.all_shortened(dataset["approach"].values, NAME_LENGTH)
    return Panel(title=better(score, score.label), x_label=score.axis, y_label="Group", series=series, rows=rows)


def _differences(dataset: xr.Dataset, metric: str, score: Score) -> Panel:
    names = [str(name) for name in dataset["approach"].values]
    pairs = list(combinations(range(len(names)), 2))[:MOST_PAIRS]
    chosen = dataset.sel({"metric": metric})
    first, second = np.array(pairs).reshape(-1, 2).T
    value, low, high = (
        score.factor * chosen[f"difference{end}"].transpose("approach", "other_approach").values[first, second]
        for end in ("", "_low", "_high")
    )
    rows = [" - ".join(style.shortened(names[at], NAME_LENGTH // 2) for at in pair) for pair in pairs]
    nothing = Series(
        name="No difference", x=np.zeros(2), y=np.array([-0.5, len(pairs) - 0.5]), line="dash", width=1, silent=True
    )
    label = in_target_unit(dataset, score.of_differences(f"Difference in {score.short}"))
    bars = _bars("Difference", value, low, high, np.zeros(len(pairs), dtype=bool))
    return Panel(title="Difference of two groups", x_label=label, y_label="Group", series=[nothing, bars], rows=rows)


def _bars(name: str, value: np.ndarray, low: np.ndarray, high: np.ndarray, hollow: np.ndarray) -> Series:
    colour = style.BLUE if name.startswith("Mean") else style.VERMILION
    return Series(
        name=name,
        group=name,
        x=value,
        y=np.arange(len(value)),
        low=low,
        high=high,
        intervals_along_x=True,
        colour=colour,
        marker=("o", "circle"),
        hollow=hollow,
        line=None,
        size=5,
    )
