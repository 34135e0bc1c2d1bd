"""Every way to make an ensemble, against the number of networks: what it gains over one, diversity and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses import task_of
from modescape.analyses.likeness import LIKENESS, Quantity
from modescape.covers import covers_of
from modescape.metrics.scores import TARGET_UNIT
from modescape.plots import charts, steps, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import (
    ONE,
    gain_panels,
    in_target_unit,
    methods,
    paired_in_words,
    scores,
)
from modescape.wording.scores import written

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Averages within one solution, across solutions, and both"
AFTER_CALIBRATION = "Jensen-Shannon after calibration"
AS_TRAINED = {"jensen_shannon": "Jensen-Shannon as trained", "pair_distance": "Distance of two networks"}
DIVERSITY = {  # variable: axis, without the end of the parentheses
    "jensen_shannon": "Jensen-Shannon divergence (nats",
    "pair_distance": "Distance of predictions (unit of the target",
}
ENDS = ("_low", "", "_high")
APART = 0.15  # rows between two marks of a method and the middle of its row
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
        f"another run. Means over subsets of that size, on {style.tested_on(dataset)}. {paired_in_words(dataset)}",
        f"{_one_network(dataset)} Bars: the same intervals.",
        f"{'Distance' if numbers else 'Divergence'}: of equally many networks of each method, in its own mark;",
        ""
        if numbers
        else "grey: after each network's temperature was fitted on validation, which takes out what confidence adds;",
        f"hollow: every method at one distance from the solution, {float(dataset.attrs['equal_distance']):.2g} of the",
        "length of its weights. Cost: of one entry.",
        steps.statistics(dataset),
        style.intervals(dataset),
        steps.endings(dataset),
    )


def _one_network(dataset: xr.Dataset) -> str:
    """What one network scores, in a sentence: differences leave it open."""
    alone = dataset["score"].sel({"approach": "independent", "size": 1})
    parts = [
        f"{score.short} {written(name, float(alone.sel({'metric': name})))}"
        f"{'' if score.unit in ('1', TARGET_UNIT) else f' {score.unit}'}"
        for name, score in scores(dataset).items()
    ]
    return f"One network: {', '.join(parts)}."


def panels(dataset: xr.Dataset) -> list[Panel]:
    """Gains against size, then diversity and loss of one entry, at the own scales and at one distance, and cost."""
    gains, order = gain_panels(dataset, "size", "Number of entries averaged"), _by_diversity(dataset)
    return [
        *gains,
        _diversity(dataset, order),
        _at_one(dataset, order),
        _one_entry(dataset, order),
        _cost(dataset, order),
    ]


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


def _one_entry(dataset: xr.Dataset, order: list[str]) -> Panel:
    """What one entry differs by from one network, at the chosen scale and at one distance, each with its interval."""
    score = scores(dataset)["nll"]
    low, value, high = (
        score.factor * dataset[f"gain{end}"].sel({"metric": "nll", "size": 1, "approach": order}).values for end in ENDS
    )
    zero = Series(
        name=ONE, x=np.zeros(2), y=np.array([-0.4, max(len(order) - 0.6, 0.4)]), line="dash", width=1, in_legend=False
    )
    series = [zero]
    for row, method in enumerate(order):
        at = slice(row, row + 1)
        ends = {} if method == "independent" else {"low": low[at], "high": high[at], "intervals_along_x": True}
        looks = {"name": "At its own scale", "hover": [_place(dataset, method)], **ends}
        series.append(charts.mark(method, value[at], np.array([row - APART]), **looks))
    if "equal_distance_gain" in dataset:
        low, value, high = (dataset[f"equal_distance_gain{end}"].sel({"metric": "nll"}) for end in ENDS)
        series.append(_at_one_distance(dataset, order, value, (low, high)))
    return charts.by_method(
        "NLL of one entry: left of 0 is better", score.of_differences("NLL minus one network's"), _names(order), series
    )


def _at_one_distance(
    dataset: xr.Dataset, order: list[str], values: xr.DataArray, ends: tuple[xr.DataArray, xr.DataArray] | None = None
) -> Series:
    """Hollow marks of the methods that can be put at any distance; with ends of intervals a little below their row."""
    own = [method for method in order if method in values["other_approach"].values]
    at = values.sel({"other_approach": own})
    low, high = (None, None) if ends is None else (end.sel({"other_approach": own}).values for end in ends)
    setting = dataset["equal_distance_scale"].sel({"other_approach": own}).values
    return Series(
        name=AT_ONE.format(distance=float(dataset.attrs["equal_distance"])),
        x=at.values,
        y=np.array([order.index(method) + (0.0 if ends is None else APART) for method in own]),
        low=low,
        high=high,
        intervals_along_x=ends is not None,
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
    """Gains against size, diversity and cost."""
    drawn = panels(dataset)
    return Chart(
        title=TITLE, panels=drawn, columns=2, panel_size=(3.8, 2.7), panel_height=380, covers=covers_of(dataset, "gain")
    )
