"""Networks of one cyclical run, and long runs, against independent networks at equal training cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of
from modescape.plots import charts, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import better, in_target_unit, methods, scores

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics import Score

TITLE = "Cyclical runs, long runs and independent networks at equal cost"
FIRST = ("accuracy", "rmse", "nll", "calibrated_nll")  # scores that come before others


def caption(dataset: xr.Dataset) -> str:
    """The meaning of rings and marks, the cost of each method, and how to read the plane."""
    return style.sentences(
        "Grey ring: mean of the single networks; coloured mark: their ensemble; bar: its 95 % interval. Each method",
        f"makes {style.counted(int(dataset.attrs['networks']), 'network')}, the long run one; mean over",
        f"{style.counted(int(dataset.attrs['repeats']), 'repeat')}, on {style.tested_on(dataset)}. {_costs(dataset)}",
        _differences_in_words(dataset),
        _plane_in_words(dataset),
        "A mark at height 0 is that network itself, where a cyclical run begins with the same random numbers and",
        "steps.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def _plane_in_words(dataset: xr.Dataset) -> str:
    if "accuracy" in dataset:
        return (
            "Last panel: each network's disagreement with the first independent network, divided by its own error, "
            "against its accuracy; dashed: disagreement equal to the error."
        )
    return (
        "Last panel: distance of each network's predictions from those of the first independent network, divided by "
        "the error of the two, against its own error; dashed: uncorrelated errors."
    )


def _differences_in_words(dataset: xr.Dataset) -> str:
    if "difference" not in dataset:  # of an older version
        return ""
    text = "Differences are those from independent networks at the same training cost, on the same test examples"
    if "whole long run" not in dataset["approach"].values:
        return f"{text}."
    members, runs = (int(dataset.attrs[key]) for key in ("ensemble_members", "long_runs"))
    who = "the run" if runs == 1 else f"the {runs} runs"
    return f"{text}; that of {who} as long as all members is from the ensemble of all {members}."


def _costs(dataset: xr.Dataset) -> str:
    epochs = dataset["training_epochs"].transpose("approach").values.astype(float)
    known = {method: value for method, value in zip(methods(dataset), epochs, strict=True) if np.isfinite(value)}
    if len(known) > 1 and len(set(known.values())) == 1:
        return f"Training epochs: {epochs[0]:,.0f} for each."
    parts = [f"{style.method_look(method).name}: {value:,.0f}" for method, value in known.items()]
    return f"Training epochs: {'; '.join(parts)}." if parts else ""


def panels(dataset: xr.Dataset) -> list[Panel]:
    """The scores by method, next to them the differences at equal cost; the divergence, and the plane."""
    found, shown = [], scores(dataset)
    for metric in sorted(shown, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST)):
        found.append(_scores(dataset, metric, shown[metric]))
        if "difference" in dataset:
            found.append(_differences(dataset, metric, shown[metric]))
    return [*found, _divergence(dataset), _plane(dataset)]


def _names(dataset: xr.Dataset) -> list[str]:
    return [style.method_look(method).name for method in methods(dataset)]


def _scores(dataset: xr.Dataset, metric: str, score: Score) -> Panel:
    chosen = dataset.sel({"metric": metric}).transpose("approach", ...)
    row = np.arange(dataset.sizes["approach"], dtype=float)
    single = Series(
        name="Mean network",
        x=score.factor * chosen["member_score"].values,
        y=row,
        marker=("o", "circle"),
        line=None,
        size=8,
        hollow=True,
    )
    ensembles = _marks(dataset, "score", metric, score.factor)
    return Panel(
        title=better(score, score.name),
        x_label=score.axis,
        y_label="Method",
        series=[single, *ensembles],
        rows=_names(dataset),
    )


def _differences(dataset: xr.Dataset, metric: str, score: Score) -> Panel:
    rows = dataset.sizes["approach"]
    zero = Series(
        name="Reference", x=np.zeros(2), y=np.array([0.0, rows - 1]), colour=style.NEUTRAL, line="dash", width=1
    )
    marks = _marks(dataset, "difference", metric, score.factor, in_legend=False)
    return Panel(
        title=f"{score.name}: {'right' if score.higher_is_better else 'left'} of 0 is better",
        x_label=score.of_differences("Difference"),
        y_label="Method",
        series=[zero, *marks],
        rows=_names(dataset),
    )


def _marks(dataset: xr.Dataset, variable: str, metric: str, factor: float, *, in_legend: bool = True) -> list[Series]:
    """One mark per method with its interval, each in its row."""
    chosen = dataset.sel({"metric": metric}).transpose("approach", ...)
    low, middle, high = (factor * chosen[f"{variable}{end}"].values for end in ("_low", "", "_high"))
    found = []
    for place, method in enumerate(methods(dataset)):
        here = slice(place, place + 1)
        ends = {"low": low[here], "high": high[here], "intervals_along_x": True, "in_legend": in_legend}
        ends["covers"] = covers_of(dataset, variable, method)
        found.append(charts.mark(method, middle[here], np.array([float(place)]), **ends))
    return found


def _divergence(dataset: xr.Dataset) -> Panel:
    series, numbers = [], "jensen_shannon" not in dataset
    for place, method in enumerate(methods(dataset)):
        value = dataset["pair_distance" if numbers else "jensen_shannon"].sel({"approach": [method]}).values
        series.append(charts.mark(method, value, np.array([place])))
    label = "Distance of predictions (unit of the target)" if numbers else "Jensen-Shannon divergence (nats)"
    label = in_target_unit(dataset, label)
    return charts.by_method("Diversity: higher is more diverse", label, _names(dataset), series)


def _plane(dataset: xr.Dataset) -> Panel:
    numbers = "accuracy" not in dataset
    factor, name = (1, "rmse") if numbers else (100, "accuracy")
    accuracy = factor * dataset[name].transpose("approach", "draw").values
    diversity = dataset["diversity"].transpose("approach", "draw").values
    level = ("Uncorrelated errors", 2**0.5) if numbers else ("Disagreement = error", 1.0)
    series = [charts.level(*level, charts.span(accuracy, default=(0, 100)), width=1)]
    for place, method in enumerate(methods(dataset)):
        series.append(charts.mark(method, accuracy[place], diversity[place], size=4))
    return Panel(
        title=f"Diversity against {'error' if numbers else 'accuracy'}",
        x_label=in_target_unit(dataset, "RMSE (unit of the target)") if numbers else "Accuracy (%)",
        y_label="Distance / error of the two (ratio)" if numbers else "Disagreement / own error (ratio)",
        series=series,
    )


def describe(dataset: xr.Dataset) -> Chart:
    """Scores, divergence and the plane."""
    return Chart(title=TITLE, panels=panels(dataset), columns=2, covers=covers_of(dataset, "score"))
