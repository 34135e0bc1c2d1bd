"""Networks in the plane of accuracy and normalised diversity, with the two limit curves and the true bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import charts, steps, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import methods

if TYPE_CHECKING:
    import xarray as xr

TITLE = "The diversity-accuracy plane"
STAR = ("*", "star")
NEAR = 0.5  # of the baseline's error: how much less accurate networks of the right panel are, at most
DETAIL = 0.05  # of the width of the left panel that a detail leaves out, at least
MOST = 3.0  # diversity; networks much better than the baseline can lie anywhere above
CURVES: dict[str, tuple[str, str, style.LineKind, float]] = {  # variable: name, colour, line, width
    "upper": ("Model: independent errors", "#6E6E6E", "solid", 1.8),
    "lower": ("Model: noise on the baseline", "#A8A8A8", "solid", 1.8),
    "highest": ("True bounds", style.NEUTRAL, "dot", 1.2),
    "lowest": ("True bounds", style.NEUTRAL, "dot", 1.2),
}
CALIBRATED = "Calibrated votes"
GIVEN = "Networks given"


def caption(dataset: xr.Dataset) -> str:
    """The axes, and the curves."""
    beyond = _beyond(dataset)
    return style.sentences(
        f"A mark is a network. Across: its accuracy on {style.tested_on(dataset)}. Up: the share of labels that differ",
        f"from the baseline's ({baseline_of(dataset)}), divided by the network's own error.",
        "Stars are the other networks."
        if _given(dataset)
        else "Stars are other independent solutions; all else is sampled around the baseline.",
        "Right: a detail of the left panel." if len(panels(dataset)) > 1 else "",
        "Grey curves: errors independent of the baseline's, and the baseline with labels replaced at",
        "random; models, not limits. Dotted: between these lines every network must lie. Dashed: the mean over pairs",
        "of networks whose votes are calibrated class by class.",
        f"Not drawn: {style.counted(beyond, 'network')} above {_top(dataset):.1f}." if beyond else "",
        steps.control(dataset),
        style.left_out(dataset),
    )


def called(dataset: xr.Dataset, method: str) -> str:
    """What networks of a method are called; those that others made may not be independent."""
    return GIVEN if method == "independent" and dataset.attrs.get("given") else style.method_look(method).name


def _given(dataset: xr.Dataset) -> bool:
    """Whether the result is of given predictions, without samples around a solution."""
    return dataset.attrs.get("variant") == "given"


def baseline_of(dataset: xr.Dataset) -> str:
    """What the baseline is called; of networks that others made it is the best."""
    if dataset.attrs.get("given"):
        return "the best network"
    return "the first network" if _given(dataset) else f"member {int(dataset.attrs['baseline_member'])}"


def panels(dataset: xr.Dataset) -> list[Panel]:
    """The plane with all networks; beside it the part with networks about as good as the baseline, if not all are."""
    low, high = _accuracies(dataset)
    best = 100 * float(dataset.attrs["baseline_accuracy"])
    independent = dataset.sel({"approach": [name for name in methods(dataset) if name == "independent"]})["accuracy"]
    lowest, _ = charts.span(100 * independent.values, default=(best, best))
    near = max(low, min(best - NEAR * (100 - best), lowest - 0.05 * (high - low)))
    series, shown = _series(dataset, (low, high)), [("All networks", low)]
    if near - low > DETAIL * (high - low):
        shown.append(("About as good as the baseline", near))
    return [
        Panel(
            title=title,
            x_label="Accuracy (%)",
            y_label="Disagreement with the baseline / error (ratio)",
            series=series,
            x_range=(start, high),
            y_range=(-0.04 * _top(dataset), _top(dataset)),
        )
        for title, start in shown
    ]


def _series(dataset: xr.Dataset, over: tuple[float, float]) -> list[Series]:
    """Curves, the marks of every method, and the baseline."""
    shares = {method: 100 * dataset["accuracy"].sel({"approach": method}).values for method in methods(dataset)}
    marks = [marks_of(dataset, method, share) for method, share in shares.items()]
    best = np.array([100 * float(dataset.attrs["baseline_accuracy"])])
    name = f"Baseline: {baseline_of(dataset)}"
    star = Series(
        name=name, x=best, y=np.zeros(1), colour=style.NEUTRAL, marker=STAR, line=None, size=9, group="baseline"
    )
    return [
        *curves(dataset, 100 * dataset["x"].values),
        charts.level(CALIBRATED, 1, over, style.NEUTRAL, width=1),
        *marks,
        star,
    ]


def curves(dataset: xr.Dataset, x: np.ndarray) -> list[Series]:
    """The reference curves and the bounds, at positions x on the horizontal axis."""
    return [
        Series(name=name, x=x, y=dataset[variable].values, colour=colour, line=line, width=width, group=name)
        for variable, (name, colour, line, width) in CURVES.items()
    ]


def marks_of(dataset: xr.Dataset, method: str, x: np.ndarray) -> Series:
    """The networks of a method, at positions x on the horizontal axis."""
    look, chosen = style.method_look(method), dataset.sel({"approach": method})
    independent = method == "independent"
    return Series(
        name=called(dataset, method),
        x=x,
        y=chosen["diversity"].values,
        colour=look.colour,
        marker=STAR if independent else look.marker,
        line=None,
        size=7 if independent else 3.5,
        group=method,
    )


def _accuracies(dataset: xr.Dataset) -> tuple[float, float]:
    """From a little below the lowest accuracy to a little above the highest, %."""
    low, high = charts.span(dataset["accuracy"].values, np.array([float(dataset.attrs["baseline_accuracy"])]))
    margin = max(0.05 * (high - low), 0.002)
    return 100 * max(low - margin, 0), 100 * min(high + margin, 1)


def _top(dataset: xr.Dataset) -> float:
    """The highest diversity of the panel."""
    values = dataset["diversity"].values
    sensible = values[np.isfinite(values) & (values <= MOST / 1.3)]
    return 1.3 * max(1.0, float(sensible.max(initial=0.0)))


def _beyond(dataset: xr.Dataset) -> int:
    """Networks that lie above the panel, or whose diversity is infinite because they make no error."""
    return int((dataset["diversity"].values > _top(dataset)).sum())


def describe(dataset: xr.Dataset) -> Chart:
    """The plane."""
    return Chart(title=TITLE, panels=panels(dataset), columns=2, panel_size=(4.4, 3.9), panel_height=560)
