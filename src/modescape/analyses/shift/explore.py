"""What shift adds to the explorer: what a method gains over one network, against severity and by corruption."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.shift.draw import PARTS, X_LABEL, corruption_name, left_out_sentence, selected, without_effect
from modescape.covers import covers_of
from modescape.plots import style
from modescape.plots.charts import Chart, HeatMap, Panel
from modescape.plots.explored import Choice, Explored, View, explored_scores
from modescape.plots.scores import ALONE, gain_covers, gain_line, methods, paired_axes, scores
from modescape.wording.reading import pick
from modescape.wording.scores import difference, unit, written
from modescape.wording.takeaways import ends, for_whom

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics.scores import Score


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """What a method differs by from one network, as a curve and as a map."""
    dataset = results["shift"]
    known, others = scores(dataset), [method for method in methods(dataset) if method != ALONE]
    if not known or ALONE not in methods(dataset) or not others or "gain" not in dataset:  # of an older version
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
    parts = "" if selected(dataset) else f"By corruption: {PARTS}, so compare along a row."
    left_out = left_out_sentence(without_effect(dataset), str(dataset["effect"].attrs.get("units", "levels")))
    view = View(
        tab="corruption",
        title="Under corruption: one network against a method",
        choices=choices,
        charts=charts,
        sentences=sentences,
        about=" ".join(filter(None, (parts, left_out))),
        place=10,
    )
    return Explored(views=[view])


def _chart(dataset: xr.Dataset, metric: str, score: Score, method: str) -> Chart:
    """What a method differs by from one network, against severity, and by corruption."""
    x = dataset["severity"].values.astype(float)
    title, y_label = paired_axes(score)
    series = [gain_line(dataset, one, metric, score, x) for one in (ALONE, method)]
    found: list[Panel | HeatMap] = [Panel(title=title, x_label=X_LABEL, y_label=y_label, series=series, whole_x=True)]
    if "gain_of_corruption" in dataset and score.per_example is not None:
        found.append(_map(dataset, metric, score, method))
    return Chart(title=score.label, panels=found, columns=2, panel_height=420, covers=gain_covers(dataset))


def _map(dataset: xr.Dataset, metric: str, score: Score, method: str) -> HeatMap:
    """What a method gains by corruption and severity, better above 0, with its interval under the pointer."""
    sign = score.factor * (1 if score.higher_is_better else -1)
    low, gain, high = (
        sign * _of_corruptions(dataset, f"gain_of_corruption{end}", metric, method) for end in ("_low", "", "_high")
    )
    finite = np.abs(gain[np.isfinite(gain)])
    most = float(finite.max(initial=0.0)) or 1.0
    label = score.of_differences("Better than one network by")
    scale = dataclasses.replace(style.SIGNED_COSINE, low=-most, high=most, ticks=(), label=label)
    without = without_effect(dataset)
    return HeatMap(
        title=f"{style.method_look(method).name}: what is gained, by corruption",
        x_label=X_LABEL,
        y_label="Corruption",
        matrix=gain,
        rows=[
            corruption_name(name) + (" (left out)" if str(name) in without else "")
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
    """Both scores, and the paired difference with its interval."""
    one, other = (
        pick(dataset, "score", approach=approach, metric=metric, severity=severity) for approach in (ALONE, method)
    )
    gain = ends(dataset, "gain", approach=method, metric=metric, severity=severity)
    if not math.isfinite(one) or not math.isfinite(other):
        return ""
    gap, bounds = difference(metric, *gain)
    return (
        f"Severity {severity}: {scores(dataset)[metric].short} {written(metric, one)} for one network "
        f"(mean of {int(dataset.attrs['members'])}), "
        f"{written(metric, other)} for {style.method_look(method).name}; difference, paired, {gap}"
        f"{unit(metric, dataset)} (95 % interval {bounds}{for_whom(gain_covers(dataset, method))})."
    )
