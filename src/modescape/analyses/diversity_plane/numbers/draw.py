"""Networks in the plane of RMSE and distance over the error, with two reference curves and the true bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.diversity_plane.draw import STAR, baseline_of, curves, marks_of
from modescape.plots import charts, steps, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import in_target_unit, methods

if TYPE_CHECKING:
    import xarray as xr

TITLE = "The plane of error and distance"
FAR = 3.0  # of the baseline's error: worse networks are not drawn in the left panel
NEAR = 1.25  # likewise in the right one
TOP = 2.0  # the largest possible distance over the error


def caption(dataset: xr.Dataset) -> str:
    """The axes, and the curves."""
    beyond = _beyond(dataset)
    return style.sentences(
        f"A mark is a network. Across: its root mean squared error on {style.tested_on(dataset)}. Up: the root mean",
        "square distance of its predictions from the baseline's "
        f"({baseline_of(dataset)}), divided by the root mean squared error of the two.",
        "Stars are other independent solutions; all else is sampled around the baseline. Right: a detail.",
        "Grey curves: errors uncorrelated with the baseline's, and the baseline with noise added to",
        "its predictions; models, not limits. Dotted: between these lines every network must lie.",
        f"Not drawn: {style.counted(beyond, 'network')} of larger error." if beyond else "",
        steps.control(dataset),
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """The plane with all networks, and the part of it with networks about as good as the baseline."""
    low, high = _errors(dataset)
    near = min(high, max(NEAR * _best(dataset), _worst_solution(dataset)))
    margin = 0.05 * max(near - low, 1e-12)
    series = _series(dataset)
    panels = [
        Panel(
            title=title,
            x_label=in_target_unit(dataset, "RMSE (unit of the target)"),
            y_label="Distance from the baseline / error (ratio)",
            series=series,
            x_range=(low - margin, end + margin),
            y_range=(-0.04 * TOP, 1.04 * TOP),
        )
        for title, end in (("All networks", high), ("About as good as the baseline", near))
    ]
    return Chart(title=TITLE, panels=panels, columns=2, panel_size=(4.4, 3.9), panel_height=560)


def _series(dataset: xr.Dataset) -> list[Series]:
    """Curves, the marks of every method, and the baseline."""
    own = [marks_of(dataset, method, dataset["rmse"].sel({"approach": method}).values) for method in methods(dataset)]
    star = Series(
        name=f"Baseline: {baseline_of(dataset)}",
        x=np.array([_best(dataset)]),
        y=np.zeros(1),
        colour=style.NEUTRAL,
        marker=STAR,
        line=None,
        size=9,
        group="baseline",
    )
    return [*curves(dataset, dataset["x"].values), *own, star]


def _best(dataset: xr.Dataset) -> float:
    return float(dataset.attrs["baseline_rmse"])


def _errors(dataset: xr.Dataset) -> tuple[float, float]:
    """The lowest error, and the highest that is drawn."""
    low, high = charts.span(dataset["rmse"].values, np.array([_best(dataset)]))
    return low, min(high, max(FAR * _best(dataset), _worst_solution(dataset)))


def _worst_solution(dataset: xr.Dataset) -> float:
    independent = dataset.sel({"approach": [name for name in methods(dataset) if name == "independent"]})["rmse"]
    return charts.span(independent.values, default=(_best(dataset), _best(dataset)))[1]


def _beyond(dataset: xr.Dataset) -> int:
    """Networks that lie right of the panel."""
    return int((dataset["rmse"].values > _errors(dataset)[1]).sum())
