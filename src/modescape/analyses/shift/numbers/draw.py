"""Predictions and intervals on corrupted test examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.analyses.shift.draw import SCORES, X_LABEL, averaged, by_corruption, left_out_sentence, without_effect
from modescape.covers import covers_of, keyed
from modescape.plots import charts, style
from modescape.plots.charts import Chart, HeatMap, Panel, Series
from modescape.plots.scores import gain_covers, gain_panels, line_of, methods, paired_in_words, score_panels

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Under shift of the test images"
NOMINAL = 0.95
PARTS = {  # variable: name, colour
    "between": ("Between networks", style.VALIDATION_COLOUR),
    "within": ("Predicted by each network", style.TRAIN_COLOUR),
}


def caption(dataset: xr.Dataset) -> str:
    """The average, and the corruptions."""
    left_out = without_effect(dataset)
    return style.sentences(
        averaged(dataset),
        "Independent: the mixture of all networks. Intervals that are judged: the central 95 % of what is predicted;",
        "grey: 95 %. Spread: roots of the mean variance of the networks' means, and of the mean variance they predict.",
        paired_in_words(dataset),
        f"By kind of shift: on its own examples; bars: {keyed(covers_of(dataset, 'gain_of_corruption'))}.",
        left_out_sentence(left_out, dataset["effect"].attrs["units"]) if left_out else "",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def unit_of(dataset: xr.Dataset) -> str:
    """The target's unit, as an axis names it."""
    return style.one_line(str(dataset.attrs.get("target_unit", ""))) or "unit of the target"


def describe(dataset: xr.Dataset) -> Chart:
    """Gains, scores, coverage, width and spread against severity, then error and gain by kind of shift."""
    x, unit = dataset["severity"].values.astype(float), unit_of(dataset)
    panels: list[Panel | HeatMap] = [
        *gain_panels(dataset, "severity", X_LABEL),
        *score_panels(dataset, "severity", X_LABEL, most=SCORES),
        _coverage(dataset, x),
        _panel("Width of 95 % intervals", f"Mean width ({unit})", _lines(dataset, x, "width", 1.0)),
        _panel("Where the ensemble's variance comes from", f"Spread ({unit})", _parts(dataset, x)),
    ]
    high = charts.span(dataset["score_of_corruption"].sel({"metric": "rmse"}).values)[1] or 1.0  # 0: no error at all
    scale = style.Scale(low=0, high=high, colours="viridis_r", label=f"RMSE ({unit})")
    panels += by_corruption(dataset, scale, decimals=1 if high >= 10 else 2)
    return Chart(
        title=TITLE,
        panels=panels,
        columns=2,
        panel_size=(4.6, 2.5),
        panel_height=360,
        covers=gain_covers(dataset),
    )


def _panel(title: str, y_label: str, series: list[Series], covers: str = "") -> Panel:
    return Panel(title=title, x_label=X_LABEL, y_label=y_label, series=series, whole_x=True, covers=covers)


def _lines(dataset: xr.Dataset, x: np.ndarray, variable: str, factor: float) -> list[Series]:
    """One line per method, with the band where the variable has one."""
    lines = []
    for method in methods(dataset):
        chosen, ends = dataset.sel({"approach": method}), {}
        if f"{variable}_low" in dataset:
            ends: dict[str, Any] = {end: factor * chosen[f"{variable}_{end}"].values for end in ("low", "high")}
        lines.append(line_of(method, x, factor * chosen[variable].values, **ends))
    return lines


def _coverage(dataset: xr.Dataset, x: np.ndarray) -> Panel:
    nominal = charts.level("Nominal", 100 * NOMINAL, (float(x.min()), float(x.max())))
    series = [nominal, *_lines(dataset, x, "coverage", 100.0)]
    return _panel("Coverage of 95 % intervals", "Targets inside (%)", series, covers_of(dataset, "coverage"))


def _parts(dataset: xr.Dataset, x: np.ndarray) -> list[Series]:
    return [
        Series(name=name, x=x, y=dataset[variable].values, colour=colour, marker=("o", "circle"))
        for variable, (name, colour) in PARTS.items()
    ]
