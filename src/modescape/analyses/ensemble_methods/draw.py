"""Every ensemble method against the number of networks: scores, diversity and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses import task_of
from modescape.analyses.likeness import LIKENESS, Quantity
from modescape.plots import charts, steps, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import in_target_unit, methods, score_panels

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Averages within one solution, across solutions, and both"
AFTER_CALIBRATION = "Jensen-Shannon after calibration"
AS_TRAINED = {"jensen_shannon": "Jensen-Shannon as trained", "pair_distance": "Distance of two networks"}
DIVERSITY = {  # variable: axis, without the end of the parentheses
    "jensen_shannon": "Jensen-Shannon divergence (nats",
    "pair_distance": "Distance of predictions (unit of the target",
}
AT_ONE = "All at distance {distance:.2g}"
COSTS = {  # variable: name, marks of matplotlib and of pages
    "training_epochs": ("Training epochs", ("s", "square")),
    "forward_passes": ("Forward passes per image", ("p", "pentagon")),
}


def caption(dataset: xr.Dataset) -> str:
    """The meaning of sizes and bands."""
    numbers = task_of(dataset) == "regression"
    return style.sentences(
        "An entry is a network (independent), the average of a run's late weights, or the mean prediction of",
        f"{int(dataset.attrs['samples'])} samples around a solution; the horizontal axis counts entries, each of",
        f"another run. Mean score over subsets of that size, on {style.tested_on(dataset)}; bands: 95 % intervals for",
        f"new networks on new images. {'Distance' if numbers else 'Divergence'}: of equally many networks of each "
        "method, in the method's own mark;",
        ""
        if numbers
        else "grey: after each network's temperature was fitted on validation, which takes out what confidence adds;",
        f"hollow: every method at one distance from the solution, {float(dataset.attrs['equal_distance']):.2g} of the",
        "length of its weights. Cost: of one entry.",
        steps.statistics(dataset),
        style.intervals(dataset),
        steps.endings(dataset),
    )


def panels(dataset: xr.Dataset) -> list[Panel]:
    """The scores against size, then diversity at the own scales and at one distance, loss at both, and cost."""
    scores = score_panels(dataset, "size", "Number of entries averaged")
    order = _by_diversity(dataset)
    return [*scores, _diversity(dataset, order), _at_one(dataset, order), _loss(dataset, order), _cost(dataset, order)]


def _by_diversity(dataset: xr.Dataset) -> list[str]:
    """Methods, the most diverse first; those without a divergence last."""
    values = dataset[_spread(dataset).name].values
    places = np.argsort(np.where(np.isfinite(values), -values, np.inf), kind="stable")
    return [methods(dataset)[place] for place in places]


def _spread(dataset: xr.Dataset) -> Quantity:
    """The measure of diversity of a method's networks."""
    return LIKENESS[task_of(dataset)].diversity


def _diversity(dataset: xr.Dataset, order: list[str]) -> Panel:
    spread, series = _spread(dataset).name, []
    if f"{spread}_calibrated" in dataset:
        series.append(
            Series(
                name=AFTER_CALIBRATION,
                x=dataset[f"{spread}_calibrated"].sel({"approach": order}).values,
                y=np.arange(len(order)),
                marker=("d", "diamond-tall"),
                line=None,
            )
        )
    for row, method in enumerate(order):
        value = dataset[spread].sel({"approach": [method]}).values
        looks = {"name": AS_TRAINED[spread], "hover": [_place(dataset, method)]}
        series.append(charts.mark(method, value, np.array([row]), **looks))
    label = in_target_unit(dataset, f"{DIVERSITY[spread]})")
    return charts.by_method("Diversity: higher is more diverse", label, _names(order), series)


def _at_one(dataset: xr.Dataset, order: list[str]) -> Panel:
    return charts.by_method(
        "Diversity at one distance",
        in_target_unit(dataset, f"{DIVERSITY[_spread(dataset).name]}, log scale)"),
        _names(order),
        [_at_one_distance(dataset, order, dataset[f"equal_distance_{_spread(dataset).name}"])],
        log_x=True,
    )


def _loss(dataset: xr.Dataset, order: list[str]) -> Panel:
    """NLL of one entry at the chosen scale and at one distance."""
    score = dataset["score"].sel({"metric": "nll", "size": 1})
    series = []
    for row, method in enumerate(order):
        looks = {"name": "Loss at its own scale", "hover": [_place(dataset, method)]}
        series.append(charts.mark(method, score.sel({"approach": [method]}).values, np.array([row]), **looks))
    series.append(_at_one_distance(dataset, order, dataset["equal_distance_score"].sel({"metric": "nll"})))
    return charts.by_method(
        "Loss of one entry: lower is better",
        "NLL (nats, log scale)",
        _names(order),
        series,
        log_x=bool((score.values > 0).all()),  # that of a density may be negative
    )


def _at_one_distance(dataset: xr.Dataset, order: list[str], values: xr.DataArray) -> Series:
    """Hollow marks of the methods that can be put at any distance."""
    own = [method for method in order if method in values["other_approach"].values]
    at = values.sel({"other_approach": own})
    setting = dataset["equal_distance_scale"].sel({"other_approach": own}).values
    return Series(
        name=AT_ONE.format(distance=float(dataset.attrs["equal_distance"])),
        x=at.values,
        y=np.array([order.index(method) for method in own]),
        marker=("o", "circle"),
        line=None,
        size=6,
        hollow=True,
        hover=[f"setting {one:.3g}" for one in setting],
    )


def _place(dataset: xr.Dataset, method: str) -> str:
    own = dataset.sel({"approach": method})
    return steps.place(float(own["scale"]), float(own["distance"]))


def _cost(dataset: xr.Dataset, order: list[str]) -> Panel:
    series = [
        Series(
            name=name,
            x=dataset[variable].sel({"approach": order}).values.astype(float),
            y=np.arange(len(order)),
            colour=style.NEUTRAL,
            marker=marker,
            line=None,
            hollow=variable == "training_epochs",
        )
        for variable, (name, marker) in COSTS.items()
    ]
    return charts.by_method(
        "Cost of one entry", "Training epochs, forward passes (log scale)", _names(order), series, log_x=True
    )


def _names(order: list[str]) -> list[str]:
    return [style.method_look(method).name for method in order]


def describe(dataset: xr.Dataset) -> Chart:
    """Scores against size, diversity and cost."""
    return Chart(title=TITLE, panels=panels(dataset), columns=2, panel_size=(3.8, 2.7), panel_height=380)
