"""What averaging more networks gains: scores against size for independent solutions and snapshots of one run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.covers import covers_of
from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import better, line_of, paired_axes, scores
from modescape.wording.reading import final_gain

if TYPE_CHECKING:
    import xarray as xr

TITLE = "What averaging more networks gains"
NAMES = {"independent": "Independent solutions", "snapshots": "Snapshots of one run"}
GIVEN = "Models given"  # of others, who may have made one from another
LAW = "Closed form (Brier)"
ROOT_LAW = "Closed form (root of the squared error)"
MEAN_MEMBER = "Mean member"
CLOSED = {  # which closed form is drawn: the variable -> in words
    "brier_law": "Thin line: the closed form B(k) = B(1) - (1 - 1/k) V of the Brier score.",
    "squared_error_law": "Thin line: the root of the closed form E(k) = E(1) - (1 - 1/k) V of the squared error.",
}
FINAL = "All snapshots over their run's end"
SIZE = "Number of networks averaged"
GAINS = {"gain": "", "low": "_low", "high": "_high"}
ENDS = {"score": "", "low": "_low", "high": "_high"}  # ending of the variable's name


def caption(dataset: xr.Dataset) -> str:
    """The meaning of lines, bands and hollow marks."""
    return style.sentences(
        f"Mean score over subsets of that size, on {style.tested_on(dataset)}; bands: 95 % intervals.",
        "Hollow marks: of a single network, run or pair, so the interval is for these alone."
        if int(dataset.attrs["members"]) <= 2
        else "",
        "Dashed: the mean member. Last panels: minus the mean member (all snapshots: minus their run's end), paired,",
        "so that what both scores share cancels.",
        *(words for name, words in CLOSED.items() if name in dataset),
        style.intervals(dataset),
        style.left_out(dataset),
    )


def of_test_sampling_alone(dataset: xr.Dataset, method: str) -> bool:
    """Whether a method's intervals leave out that networks differ: those of a single network, or of a single run."""
    runs = dataset.attrs["members"] if method == "independent" else dataset.attrs.get("runs_of_snapshots", 1)
    return int(runs) == 1


def called(dataset: xr.Dataset, method: str) -> str:
    """What networks of a method are called; models that others made may not be independent."""
    if method == "independent" and dataset.attrs.get("given"):
        return GIVEN
    return NAMES.get(method, style.method_look(method).name)


def curve(dataset: xr.Dataset, method: str, metric: str) -> dict[str, np.ndarray]:
    """Sizes that have a score, with score, low and high in the units of the axis; arrays of shape [size]."""
    factor = scores(dataset)[metric].factor
    chosen = dataset.sel({"approach": method, "metric": metric})
    values = {name: factor * chosen[f"score{end}"].values for name, end in ENDS.items()}
    there = np.isfinite(values["score"])
    return {"size": dataset["size"].values[there], **{name: value[there] for name, value in values.items()}}


def mean_member(dataset: xr.Dataset, metric: str) -> float:
    """Score of the mean member: the score minus the gain, of independent solutions, at the first size that has both."""
    chosen = dataset.sel({"approach": _methods(dataset)[0], "metric": metric})
    alone = (chosen["score"] - chosen["gain"]).values
    alone = alone[np.isfinite(alone)]
    return scores(dataset)[metric].factor * float(alone[0]) if alone.size else float("nan")


def describe(dataset: xr.Dataset) -> Chart:
    """Every score against size."""
    last = float(dataset["size"].values.max(initial=1))
    panels = []
    for metric, score in scores(dataset).items():
        series = [_mean(dataset, metric, last)]
        for method in _methods(dataset):
            series.append(_line(dataset, method, metric))
        if metric == ("brier" if "brier_law" in dataset else "rmse"):
            series += [_law(dataset, method) for method in _methods(dataset)]
        panels.append(
            Panel(
                title=better(score, score.label),
                x_label=SIZE,
                y_label=score.axis,
                series=series,
                x_range=(0.5, last + 0.5),
                whole_x=True,
            )
        )
    panels += [_gains(dataset, metric) for metric in ("accuracy", "rmse", "nll") if metric in scores(dataset)]
    covers = covers_of(dataset, "score")
    return Chart(title=TITLE, panels=panels, columns=2, panel_size=(3.75, 2.8), panel_height=390, covers=covers)


def _gains(dataset: xr.Dataset, metric: str) -> Panel:
    """A score against size minus that of one network; of all snapshots minus that of their run's final network."""
    score, last = scores(dataset)[metric], float(dataset["size"].values.max(initial=1))
    zero = Series(name="One network", x=np.array([0.5, last + 0.5]), y=np.zeros(2), line="dash", width=1)
    series = [zero, _paired(dataset, _methods(dataset)[0], metric)]
    final = final_gain(dataset, metric)
    if final is not None:
        low, value, high = (score.factor * np.array([end]) for end in (final.low, final.value, final.high))
        hollow = np.array([of_test_sampling_alone(dataset, "snapshots")])
        mark = line_of("snapshots", np.array([float(final.size)]), value, hollow=hollow, low=low, high=high)
        mark = dataclasses.replace(mark, covers=covers_of(dataset, "final_gain"))
        series.append(dataclasses.replace(mark, name=FINAL, line=None))
    title, y_label = paired_axes(score)
    return Panel(
        title=title,
        x_label=SIZE,
        y_label=y_label,
        series=series,
        x_range=(0.5, last + 0.5),
        whole_x=True,
    )


def _paired(dataset: xr.Dataset, method: str, metric: str) -> Series:
    """The change from averaging, for sizes from 2 on; hollow where the interval is for these networks alone."""
    chosen, factor = dataset.sel({"approach": method, "metric": metric}), scores(dataset)[metric].factor
    there = np.isfinite(chosen["gain"].values) & (dataset["size"].values > 1)
    ends = {name: factor * chosen[f"gain{end}"].values[there] for name, end in GAINS.items()}
    alone = int(dataset.attrs["members"]) == 2 or of_test_sampling_alone(dataset, method)
    more: dict[str, Any] = {"low": ends["low"], "high": ends["high"], "hollow": np.full(int(there.sum()), alone)}
    more["covers"] = covers_of(dataset, "gain", method)
    line = line_of(method, dataset["size"].values[there].astype(float), ends["gain"], **more)
    return dataclasses.replace(line, name=called(dataset, method))


def _mean(dataset: xr.Dataset, metric: str, last: float) -> Series:
    value = mean_member(dataset, metric)
    ends = np.array([0.5, last + 0.5])
    return Series(name=MEAN_MEMBER, x=ends, y=np.full(2, value), line="dash", width=1)


def _line(dataset: xr.Dataset, method: str, metric: str) -> Series:
    """A method's curve; its last mark is hollow and has a bar where the interval is of test images alone."""
    values = curve(dataset, method, metric)
    hollow = np.zeros(len(values["size"]), dtype=bool)
    hollow[-1:] = of_test_sampling_alone(dataset, method)
    ends: dict[str, Any] = {end: values[end] for end in ("low", "high")}
    ends["covers"] = covers_of(dataset, "score", method)
    series = line_of(method, values["size"].astype(float), values["score"], hollow=hollow, **ends)
    return dataclasses.replace(series, name=called(dataset, method))


def _law(dataset: xr.Dataset, method: str) -> Series:
    of_classes = "brier_law" in dataset
    law = dataset["brier_law" if of_classes else "squared_error_law"].sel({"approach": method}).values
    law, name = (law, LAW) if of_classes else (np.sqrt(law), ROOT_LAW)
    return Series(name=name, x=dataset["size"].values, y=law, width=0.7, silent=True)


def _methods(dataset: xr.Dataset) -> list[str]:
    return [str(method) for method in dataset["approach"].values]
