"""Scores as panels, for figures that draw them for many methods against a number: size, severity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.metrics.scores import TARGET_UNIT, Score, score_of
from modescape.plots import style
from modescape.plots.charts import Panel, Series

if TYPE_CHECKING:
    import xarray as xr

MARKED = 20  # of more points on a line some are marked


def methods(dataset: xr.Dataset) -> list[str]:
    """The methods of a result in its order."""
    return [str(method) for method in dataset["approach"].values]


def scores(dataset: xr.Dataset) -> dict[str, Score]:
    """The scores of a result in its order; names that are not known (any more) are left out."""
    found = {str(name): score_of(str(name)) for name in dataset["metric"].values}
    unit = str(dataset.attrs.get("target_unit", ""))
    return {name: score.in_unit(unit) for name, score in found.items() if score is not None}


def in_target_unit(dataset: xr.Dataset, text: str) -> str:
    """A text with the target's unit in the place of the words for it, where the data says it."""
    unit = style.one_line(dataset.attrs.get("target_unit", ""))
    return text.replace(TARGET_UNIT, unit) if unit else text


def better(score: Score, words: str) -> str:
    """The title of a panel: words for the score, and which values are better."""
    return f"{words}: {'higher' if score.higher_is_better else 'lower'} is better"


def line_of(method: str, x: np.ndarray, y: np.ndarray, **more: Any) -> Series:
    """A line in the look of a method, which has one entry in the legend of all panels."""
    look = style.method_look(method)
    looks: dict[str, Any] = {"colour": look.colour, "marker": look.marker, "line": look.line}
    return Series(**{"name": look.name, "group": method, "x": x, "y": y, "size": marked(len(x)), **looks, **more})


def score_panels(dataset: xr.Dataset, along: str, x_label: str) -> list[Panel]:
    """One panel per score: a line with its band for every method.

    Args:
        dataset: with ``score``, ``score_low`` and ``score_high`` [method, metric, along].
        along: dimension of the horizontal axis.
        x_label: of that axis, with the unit in parentheses.
    """
    x = dataset[along].values.astype(float)
    panels = []
    for metric, score in scores(dataset).items():
        series = []
        for method in methods(dataset):
            chosen = dataset.sel({"approach": method, "metric": metric})
            low, middle, high = (score.factor * chosen[f"score{end}"].values for end in ("_low", "", "_high"))
            series.append(line_of(method, x, middle, low=low, high=high))
        title = better(score, score.label)
        panels.append(Panel(title=title, x_label=x_label, y_label=score.axis, series=series, whole_x=True))
    return panels


def marked(count: int, size: float = 4) -> np.ndarray:
    """Sizes of the marks along a line, 0 for those that are left out of many; the last is always there; [point]."""
    sizes = np.zeros(count)
    sizes[style.spread(count, MARKED)] = size
    sizes[-1:] = size
    return sizes


def divergence_panels(dataset: xr.Dataset, along: str, x_label: str) -> list[Panel]:
    """Jensen-Shannon divergence as trained and after each network was calibrated, one line per method; two panels."""
    titles = {
        "jensen_shannon": "Diversity as trained",
        "jensen_shannon_calibrated": "Diversity after calibration",
    }
    x = dataset[along].values.astype(float)
    panels = []
    for variable, title in titles.items():
        series = [line_of(method, x, dataset[variable].sel({"approach": method}).values) for method in methods(dataset)]
        panels.append(Panel(title=title, x_label=x_label, y_label="Jensen-Shannon (nats)", series=series, whole_x=True))
    return panels


def difference_panels(dataset: xr.Dataset, along: str, x_label: str, baseline: str = "single") -> list[Panel]:
    """Scores minus the baseline's, where lines of the scores themselves lie on each other."""
    if baseline not in dataset["approach"].values:
        return []
    x = dataset[along].values.astype(float)
    panels = []
    for metric, score in scores(dataset).items():
        if not score.differences:
            continue
        values = score.factor * dataset["score"].sel({"metric": metric})
        than = (values - values.sel({"approach": baseline})).transpose("approach", along).values
        series = [line_of(method, x, than[place]) for place, method in enumerate(methods(dataset))]
        label = f"Difference ({'percentage points' if score.percent else score.unit})"
        title = f"{score.label} minus {style.method_look(baseline).name.lower()}'s"
        panels.append(Panel(title=title, x_label=x_label, y_label=label, series=series, whole_x=True))
    return panels
