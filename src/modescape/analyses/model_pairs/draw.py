"""Differences of every two models that remain after correction for their number, and the overlap of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.model_pairs.words import ranked
from modescape.plots import style
from modescape.plots.charts import Chart, HeatMap
from modescape.plots.scores import in_target_unit, scores

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics.scores import Score

TITLE = "Pairs of models"
LABELS = 12  # models a side with a name
NAME_LENGTH = 14
DRAWN = 2  # scores whose differences are drawn; the table has all
OVERLAP = {  # variable -> title, key, lowest value of the scale
    "disagreement": ("Different predicted classes", "Share of test examples", 0),
    "error_jaccard": ("Overlap of errors", "Both wrong / either wrong (ratio)", 0),
    "error_correlation": ("Correlation of errors", "Correlation", -1),
}


def caption(dataset: xr.Dataset) -> str:
    """How to read the matrices."""
    return style.sentences(
        f"Row minus column on {style.tested_on(dataset)}, models by the first score. Grey: the interval of",
        f"all {style.counted(int(dataset.attrs['pairs']), 'pair')} at once includes 0: the two cannot be told apart.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """One matrix per score, and those of the overlap of errors."""
    order = ranked(dataset)
    names = [str(dataset["model"].values[at]) for at in order]
    panels = [
        _difference(dataset, metric, score, order, names) for metric, score in list(scores(dataset).items())[:DRAWN]
    ]
    for variable, (title, key, low) in OVERLAP.items():
        if variable in dataset:
            matrix = _ordered(dataset, variable, order).copy()
            np.fill_diagonal(matrix, np.nan)
            scale = style.Scale(low=low, high=1, root=low == 0, label=key)
            panels.append(_square(title, names, matrix, scale, 2))
    return Chart(title=TITLE, panels=panels, columns=2, panel_size=(4.2, 3.9), panel_height=447)


def _ordered(dataset: xr.Dataset, variable: str, order: np.ndarray, **where: str) -> np.ndarray:
    values = dataset[variable].sel(where).transpose("model", "other_model").values.astype(float)
    return values[np.ix_(order, order)]


def _difference(dataset: xr.Dataset, metric: str, score: Score, order: np.ndarray, names: list[str]) -> HeatMap:
    value, low, high, p = (
        _ordered(dataset, name, order, metric=metric)
        for name in ("difference", "difference_low_all", "difference_high_all", "p_adjusted")
    )
    with np.errstate(invalid="ignore"):
        told = (low > 0) | (high < 0)
    shown = np.where(told, score.factor * value, np.nan)
    most = float(np.abs(shown[np.isfinite(shown)]).max(initial=0.0)) or 1.0
    label = in_target_unit(dataset, score.of_differences("Difference"))
    scale = style.Scale(low=-most, high=most, colours="PuOr", label=label)
    panel = _square(f"{score.name}: row minus column", names, shown, scale, 1 if score.percent else 2)
    return HeatMap(**{**vars(panel), "extra": p, "extra_unit": "adjusted p-value"})


def _square(title: str, names: list[str], matrix: np.ndarray, scale: style.Scale, decimals: int) -> HeatMap:
    return HeatMap(
        title=title,
        x_label="Model",
        y_label="Model",
        matrix=matrix,
        rows=names,
        columns=names,
        scale=scale,
        decimals=decimals,
        most_printed=(style.PRINTED_ROWS, style.PRINTED_ROWS),
        most_labels=LABELS,
        label_length=NAME_LENGTH,
        square=True,
    )
