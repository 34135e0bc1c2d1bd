"""Images of other data sets: entropy and disagreement of the networks, and how well these detect the sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.methods import BOTH
from modescape.plots import charts, fields, steps, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import methods

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Images unlike the training images"
COLUMNS = 2
CHANCE = "Chance"
NAME_LENGTH = 28  # characters of a data set's name
LOOKS = (  # of data sets in the dot plots; the first is in distribution
    (style.NEUTRAL, ("o", "circle")),
    (style.VERMILION, ("s", "square")),
    (style.PURPLE, ("D", "diamond")),
    (style.SKY, ("^", "triangle-up")),
    (style.ORANGE, ("v", "triangle-down")),
    (style.GREEN, ("P", "cross")),
)
DOTS = {  # variable: title, axis label
    "jensen_shannon": ("Disagreement: Jensen-Shannon", "Jensen-Shannon divergence (nats)"),
    "auroc": ("Separating the sets by entropy", "Area under the ROC curve (1: perfect)"),
}


def caption(dataset: xr.Dataset) -> str:
    """The meaning of curves and marks, and the positive class."""
    return style.sentences(
        f"{style.tested_on(dataset)} that are in distribution, and images of other data sets. Marks: Jensen-Shannon",
        "divergence of the method's networks; area under the ROC curve of the entropy, images out of distribution",
        "being the positive class: 0.5 is chance, 1 is perfect; bars: 95 % intervals. Curves: share of",
        "images by the entropy of the method's",
        "mean prediction, for one network, for independent networks and, of the methods within one solution and of",
        "those across several, for the one that tells the sets apart best.",
        made_sets(dataset),
        style.from_members(dataset),
        steps.endings(dataset),
    )


def made_sets(dataset: xr.Dataset) -> str:
    """A sentence on sets made from the test examples; "" where there are none."""
    words = style.one_line(str(dataset.attrs.get("other_words", "")))
    return f"Data sets: {words}." if words else ""


def panels(dataset: xr.Dataset) -> list[Panel]:
    """Divergence and area under the curve of every method, side by side, then the entropies of each data set."""
    shown = drawn_methods(dataset)
    entropies = [_entropies(dataset, place, shown) for place in range(dataset.sizes["corruption"])]
    return [*(_dots(dataset, variable) for variable in DOTS), *entropies]


def drawn_methods(dataset: xr.Dataset) -> list[str]:
    """The methods whose entropies are drawn: lines of four kinds can be told apart, those of twenty cannot."""
    area = dataset["auroc"].sel({"metric": "entropy"}).mean("corruption")  # of those that are known
    mean = dict(zip(methods(dataset), area.values, strict=True))
    shown = [name for name in mean if name in ("single", "independent")]
    for together in (False, True):
        others = [name for name in mean if name not in shown and name.startswith(BOTH) == together]
        others = [name for name in others if np.isfinite(mean[name])]
        shown += [max(others, key=mean.__getitem__)] if others else []
    return [name for name in mean if name in shown]


def _entropies(dataset: xr.Dataset, place: int, shown: list[str]) -> Panel:
    edges = fields.edges(dataset["x"].values)
    series = []
    for method in shown:
        look = style.method_look(method)
        share = 100 * dataset["entropy_share"].isel(corruption=place).sel({"approach": method}).values
        # a step: from the left to the right border of each bin at its height
        x, y = np.repeat(edges, 2)[1:-1], np.repeat(share, 2)
        line: style.LineKind = "dash" if method.startswith(BOTH) else "solid"
        series.append(Series(name=look.name, x=x, y=y, colour=look.colour, line=line, group=method))
    return Panel(
        title=f"Entropy: {data_sets(dataset)[place]}",
        x_label="Entropy of the prediction (nats)",
        y_label="Images (%)",
        series=series,
        y_range=(0.0, 105 * charts.span(dataset["entropy_share"].sel({"approach": shown}).values, default=(0, 1))[1]),
    )


def _dots(dataset: xr.Dataset, variable: str) -> Panel:
    every, rows = methods(dataset), np.arange(dataset.sizes["approach"])
    values = dataset[variable] if variable == "jensen_shannon" else dataset[variable].sel({"metric": "entropy"})
    values = values.transpose("approach", "corruption").values
    series, limits = [], None
    bars = area_ends(dataset.sel({"metric": "entropy"})) if variable == "auroc" else (None, None)
    if variable == "auroc":
        chance = np.array([-0.5, len(every) - 0.5])
        series.append(Series(name=CHANCE, x=np.full(2, 0.5), y=chance, line="dash", width=1))
        limits = area_limits(values, bars)
    for place, name in enumerate(data_sets(dataset)):
        colour, marker = LOOKS[1 + (place - 1) % (len(LOOKS) - 1)] if place else LOOKS[0]
        mark = {"colour": colour, "marker": marker, "line": None, "size": 5, "hollow": place == 0}
        mark |= area_bars(bars, place)
        series.append(Series(name=name, x=values[:, place], y=rows, group=f"data set {place}", **mark))
    title, label = DOTS[variable]
    return Panel(
        title=title,
        x_label=label,
        y_label="Method",
        series=series,
        rows=[style.method_look(method).name for method in every],
        x_range=limits,
    )


Bars = tuple[np.ndarray | None, np.ndarray | None]


def area_ends(dataset: xr.Dataset) -> Bars:
    """Ends of the intervals of the area under the curve, [approach, corruption]; None for results of older versions."""
    if "auroc_low" not in dataset:
        return None, None
    low, high = (dataset[f"auroc_{end}"].transpose("approach", "corruption").values for end in ("low", "high"))
    return low, high


def area_limits(values: np.ndarray, bars: Bars) -> tuple[float, float]:
    """Limits of the axis, covering all areas with their intervals, and chance level."""
    low, high = charts.span(values, np.array([0.5, 0.6]), *(ends for ends in bars if ends is not None))
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def area_bars(bars: Bars, place: int) -> dict[str, Any]:
    """The error bars of a series of marks, one per data set."""
    low, high = bars
    return (
        {} if low is None or high is None else {"low": low[:, place], "high": high[:, place], "intervals_along_x": True}
    )


def data_sets(dataset: xr.Dataset) -> list[str]:
    """Names of the data sets, shortened, the first in distribution."""
    return style.all_shortened(dataset["corruption"].values, NAME_LENGTH)


def describe(dataset: xr.Dataset) -> Chart:
    """Entropies, divergence and detection."""
    return Chart(title=TITLE, panels=panels(dataset), columns=COLUMNS, panel_size=(4.0, 2.3), panel_height=330)
