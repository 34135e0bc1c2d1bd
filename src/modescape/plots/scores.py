"""Scores as panels, for figures that draw them for many methods against a number: size, severity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.covers import THESE, covers_of, keyed
from modescape.metrics.scores import TARGET_UNIT, Score, score_of
from modescape.plots import style
from modescape.plots.charts import Panel, Series, level

if TYPE_CHECKING:
    import xarray as xr

ALONE, ONE = "single", "One network"
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


def score_panels(dataset: xr.Dataset, along: str, x_label: str, most: int | None = None) -> list[Panel]:
    """One panel per score: a line for every method; what methods differ by is in `gain_panels`, with its interval.

    Args:
        dataset: with ``score`` [method, metric, along].
        along: dimension of the horizontal axis.
        x_label: of that axis, with the unit in parentheses.
        most: scores that are drawn, the first ones; None: all.
    """
    x = dataset[along].values.astype(float)
    panels = []
    for metric, score in list(scores(dataset).items())[:most]:
        chosen = score.factor * dataset["score"].sel({"metric": metric})
        series = [line_of(method, x, chosen.sel({"approach": method}).values) for method in methods(dataset)]
        title = better(score, score.label)
        panels.append(Panel(title=title, x_label=x_label, y_label=score.axis, series=series, whole_x=True))
    return panels


def gain_panels(dataset: xr.Dataset, along: str, x_label: str) -> list[Panel]:
    """One panel per score: what every method differs by from one network, with the band of that difference.

    Args:
        dataset: with ``gain``, ``gain_low`` and ``gain_high`` [method, metric, along]; results of older versions may
            have none, and no panel then.
        along: dimension of the horizontal axis.
        x_label: of that axis, with the unit in parentheses.
    """
    if "gain" not in dataset:
        return []
    x = dataset[along].values.astype(float)
    panels = []
    for metric, score in scores(dataset).items():
        series = [] if ALONE in methods(dataset) else [level(ONE, 0.0, (x.min(), x.max()), width=1)]
        series += [gain_line(dataset, method, metric, score, x) for method in methods(dataset)]
        title, y_label = paired_axes(score)
        panels.append(Panel(title=title, x_label=x_label, y_label=y_label, series=series, whole_x=True))
    return panels


def paired_axes(score: Score) -> tuple[str, str]:
    """Title and vertical axis of a panel of differences from one network on the same examples."""
    side = "above" if score.higher_is_better else "below"
    return f"{score.name}, paired: {side} 0 is better", score.of_differences("Minus one network's")


def gain_line(dataset: xr.Dataset, method: str, metric: str, score: Score, x: np.ndarray) -> Series:
    """A method's line and band; of two networks averaged hollow, as that interval is for these (`INTERVALS`)."""
    chosen = dataset.sel({"approach": method, "metric": metric})
    low, value, high = (score.factor * chosen[f"gain{end}"].values for end in ("_low", "", "_high"))
    if method == ALONE:
        return line_of(method, x, value)
    hollow = np.isfinite(value) & (value != 0) & _of_one_pair(dataset, method)
    return line_of(method, x, value, low=low, high=high, hollow=hollow, covers=gain_covers(dataset, method))


def gain_covers(dataset: xr.Dataset, method: str = "") -> str:
    """What the intervals of a method's differences from one network are for; "": those of most methods."""
    return THESE if _of_one_pair(dataset, method) else covers_of(dataset, "gain", method)


def _of_one_pair(dataset: xr.Dataset, method: str) -> bool:
    """Whether a method averages the only two networks: one pair does not show how pairs differ."""
    return method == "independent" and int(dataset.attrs["members"]) == 2


def paired_in_words(dataset: xr.Dataset) -> str:
    """What differences from one network are, in a sentence or two, for captions."""
    hollow = " Hollow: two networks are all there are, so that interval is for these."
    return (
        f"Paired: minus the mean single network's score on the same examples; bands: {keyed(gain_covers(dataset))}."
        f"{hollow if int(dataset.attrs['members']) == 2 else ''}"
    )


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
