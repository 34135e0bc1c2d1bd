"""Other data and a regression: predicted standard deviations, and how well these detect the sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.analyses.ood.draw import CHANCE, LOOKS, Bars, area_bars, area_limits, data_sets, made_sets
from modescape.plots import charts, fields, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import methods

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Images unlike the training images"
ROWS = (  # approach, part of the variance, name
    ("single", "variance", "One network: predicted"),
    ("independent", "within", "All networks: predicted"),
    ("independent", "between", "All networks: between them"),
    ("independent", "variance", "All networks: both"),
)


def caption(dataset: xr.Dataset) -> str:
    """The meaning of marks and curves, and the positive class."""
    return style.sentences(
        f"{style.tested_on(dataset)} that are in distribution, and images of other data sets. Marks: root of the mean",
        "variance that one network predicts, that all predict on average, of the networks' means, and of both; area",
        "under the ROC curve of each of these variances, images out of distribution being the positive class: 0.5 is",
        "chance, 1 is perfect; bars: 95 % intervals for new members on new examples. Curves: share of images by the",
        "standard deviation of their prediction.",
        made_sets(dataset),
        style.left_out(dataset),
    )


def unit_of(dataset: xr.Dataset) -> str:
    """The target's unit, as an axis names it."""
    return style.one_line(str(dataset.attrs.get("target_unit", ""))) or "unit of the target"


def describe(dataset: xr.Dataset) -> Chart:
    """Deviations and detection side by side, then the deviations of each approach."""
    deviation = _dots(dataset, "deviation", "Predicted deviation", f"Deviation ({unit_of(dataset)})")
    detection = _dots(dataset, "auroc", "Separating the sets by variance", "Area under the ROC curve (1: perfect)")
    panels = [deviation, detection, *(_histogram(dataset, method) for method in methods(dataset))]
    return Chart(title=TITLE, panels=panels, columns=2, panel_size=(4.0, 2.3), panel_height=330)


def rows_of(dataset: xr.Dataset) -> list[tuple[str, str, str]]:
    """The `ROWS` that a result has; only one for a single network."""
    return [row for row in ROWS if row[0] in methods(dataset)]


def _look(place: int) -> dict[str, Any]:
    colour, marker = LOOKS[1 + (place - 1) % (len(LOOKS) - 1)] if place else LOOKS[0]
    return {"colour": colour, "marker": marker}


def _dots(dataset: xr.Dataset, variable: str, title: str, label: str) -> Panel:
    every = rows_of(dataset)
    at, series, limits = np.arange(len(every)), [], None
    values, *ends = (
        np.array([dataset[key].sel({"approach": one, "metric": part}).values for one, part, _ in every])
        for key in (variable, f"{variable}_low", f"{variable}_high")
        if key in dataset
    )
    bars: Bars = (ends[0], ends[1]) if ends else (None, None)
    if variable == "auroc":
        series.append(
            Series(name=CHANCE, x=np.full(2, 0.5), y=np.array([-0.5, len(every) - 0.5]), line="dash", width=1)
        )
        limits = area_limits(values, bars)
    for place, name in enumerate(data_sets(dataset)):
        own = {
            **_look(place),
            "line": None,
            "size": 5,
            "hollow": place == 0,
            "group": f"data set {place}",
            **area_bars(bars, place),
        }
        series.append(Series(name=name, x=values[:, place], y=at, **own))
    names = [name for *_, name in every]
    return Panel(title=title, x_label=label, y_label="Variance (part)", series=series, rows=names, x_range=limits)


def _histogram(dataset: xr.Dataset, method: str) -> Panel:
    edges, series = fields.edges(dataset["x"].values), []
    shares = 100 * dataset["deviation_share"].sel({"approach": method}).values
    for place, name in enumerate(data_sets(dataset)):
        x, y = np.repeat(edges, 2)[1:-1], np.repeat(shares[place], 2)
        series.append(
            Series(name=name, x=x, y=y, colour=_look(place)["colour"], group=f"curve {place}", in_legend=False)
        )
    return Panel(
        title=f"Predicted deviation: {style.method_look(method).spoken}",
        x_label=f"Deviation ({unit_of(dataset)})",
        y_label="Images (%)",
        series=series,
        y_range=(0.0, 1.05 * charts.span(shares)[1]),
    )
