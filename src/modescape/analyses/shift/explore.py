"""What shift adds to the explorer: scores against severity, and by corruption what a method gains over one network."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.shift.draw import X_LABEL, corruption_name, left_out_sentence, without_effect
from modescape.covers import covers_of
from modescape.plots import style
from modescape.plots.charts import Chart, HeatMap, Panel
from modescape.plots.explored import Choice, Explored, View, explored_scores
from modescape.plots.scores import better, line_of, methods, scores
from modescape.wording.reading import pick
from modescape.wording.scores import difference, unit, written
from modescape.wording.takeaways import for_whom

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics.scores import Score

ALONE = "single"


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """Curves of one network and of a method, and the map of their differences."""
    dataset = results["shift"]
    known, others = scores(dataset), [method for method in methods(dataset) if method != ALONE]
    if not known or ALONE not in methods(dataset) or not others:
        return Explored()
    severities = [str(int(severity)) for severity in dataset["severity"].values]
    choices = [
        explored_scores(known),
        Choice(name="method", label="Method", options=[(name, style.method_look(name).name) for name in others]),
        Choice(name="severity", label="Severity", options=[(one, one) for one in severities], slider=True),
    ]
    charts = {
        (name, method): _chart(dataset, name, score, method) for name, score in known.items() for method in others
    }
    sentences = {
        (name, method, severity): _sentence(dataset, name, method, int(severity))
        for name in known
        for method in others
        for severity in severities
    }
    view = View(
        tab="corruption",
        title="Under corruption: one network against a method",
        choices=choices,
        charts=charts,
        sentences=sentences,
        about=left_out_sentence(without_effect(dataset), str(dataset["effect"].attrs.get("units", "levels"))),
        place=10,
    )
    return Explored(views=[view])


def _chart(dataset: xr.Dataset, metric: str, score: Score, method: str) -> Chart:
    x = dataset["severity"].values.astype(float)
    series = []
    for one in (ALONE, method):
        chosen = dataset.sel({"approach": one, "metric": metric})
        low, middle, high = (score.factor * chosen[f"score{end}"].values for end in ("_low", "", "_high"))
        series.append(line_of(one, x, middle, low=low, high=high))
    curves: Panel | HeatMap = Panel(
        title=better(score, score.label), x_label=X_LABEL, y_label=score.axis, series=series, whole_x=True
    )
    mapped = "gain_of_corruption" in dataset and score.per_example is not None
    found = [curves, _map(dataset, metric, score, method)] if mapped else [curves]
    return Chart(title=score.label, panels=found, columns=2, panel_height=420, covers=covers_of(dataset, "score"))


def _map(dataset: xr.Dataset, metric: str, score: Score, method: str) -> HeatMap:
    """What a method gains by corruption and severity, better above 0, with its interval under the pointer."""
    sign = score.factor * (1 if score.higher_is_better else -1)
    low, gain, high = (
        sign * _of_corruptions(dataset, f"gain_of_corruption{end}", metric, method) for end in ("_low", "", "_high")
    )
    finite = np.abs(gain[np.isfinite(gain)])
    most = float(finite.max(initial=0.0)) or 1.0
    label = f"Better than one network by ({score.difference_unit})"
    scale = dataclasses.replace(style.SIGNED_COSINE, low=-most, high=most, ticks=(), label=label)
    without = without_effect(dataset)
    return HeatMap(
        title=f"{style.method_look(method).name}: what is gained, by corruption",
        x_label=X_LABEL,
        y_label="Corruption",
        matrix=gain,
        rows=[
            corruption_name(name) + (" (no effect)" if str(name) in without else "")
            for name in dataset["corruption"].values
        ],
        columns=[str(int(severity)) for severity in dataset["severity"].values],
        scale=scale,
        decimals=1 if score.percent else 2,
        low=np.minimum(low, high),  # a score of which less is better turns them around
        high=np.maximum(low, high),
        covers=covers_of(dataset, "gain_of_corruption"),
    )


def _of_corruptions(dataset: xr.Dataset, variable: str, metric: str, method: str) -> np.ndarray:
    """[corruption, severity]."""
    chosen = dataset[variable].sel({"metric": metric, "approach": method})
    return chosen.transpose("corruption", "severity").values


def _sentence(dataset: xr.Dataset, metric: str, method: str, severity: int) -> str:
    def of(approach: str) -> tuple[str, float]:
        ends = [
            pick(dataset, f"score{end}", approach=approach, metric=metric, severity=severity)
            for end in ("", "_low", "_high")
        ]
        interval = f" ({written(metric, ends[1])} to {written(metric, ends[2])})" if math.isfinite(ends[1]) else ""
        return f"{written(metric, ends[0])}{interval}", ends[0]

    (one, alone), (other, together) = of(ALONE), of(method)
    if not math.isfinite(alone) or not math.isfinite(together):
        return ""
    gap, _ = difference(metric, math.nan, together - alone, math.nan)
    whom = for_whom(covers_of(dataset, "score"))
    covers = f" In parentheses: 95 % intervals{whom}." if "(" in one + other else ""
    return (
        f"Severity {severity}: {scores(dataset)[metric].short} of one network {one}, of "
        f"{style.method_look(method).spoken} {other}; difference {gap}{unit(metric, dataset)}.{covers}"
    )
